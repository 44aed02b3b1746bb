"""Finds out which program has a port, as far as this user may know (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_TABLES = ("tcp", "tcp6", "udp", "udp6")
_TCP_LISTEN = "0A"
_ADDRESS, _STATE, _INODE = 1, 3, 9  # columns of /proc/net/tcp (proc(5))


def who_listens(port: int) -> str:
    """Return the programs that listen at a port, as ``name (process 12)``; empty if unknown."""
    inodes = set(_inodes(port))
    if not inodes:
        return ""
    found = {
        f"{_name(process)} (process {process.name})"
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and int(process.name) != os.getpid()
        if inodes & set(_sockets(process))
    }
    return ", ".join(sorted(found))


def _inodes(port: int) -> Iterator[str]:
    for table in _TABLES:
        try:
            lines = Path("/proc/net", table).read_text().splitlines()[1:]
        except OSError:
            continue
        for columns in map(str.split, lines):
            listens = table.startswith("udp") or columns[_STATE] == _TCP_LISTEN
            if listens and int(columns[_ADDRESS].rpartition(":")[2], 16) == port:
                yield f"socket:[{columns[_INODE]}]"


def _sockets(process: Path) -> Iterator[str]:
    try:
        for descriptor in (process / "fd").iterdir():
            yield str(descriptor.readlink())
    except OSError:
        return  # another user's process, or one that has just ended


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return "a program"
