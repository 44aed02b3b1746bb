"""Finds out which program has an address and port, as far as this user may know (Linux)."""

from __future__ import annotations

import ipaddress
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from zoneproof.challengedns.config import Endpoint

_TCP_LISTEN = "0A"
_ADDRESS, _STATE, _INODE = 1, 3, 9  # columns of /proc/net/tcp (proc(5))
_WORD = 4  # bytes; /proc/net shows addresses as words of the processor's byte order


def port_owner(endpoint: Endpoint, transport: Literal["tcp", "udp"]) -> str:
    """Return the programs whose sockets keep others from listening at an address and port.

    The form is ``name (process 12)``; empty if unknown.
    """
    inodes = set(_inodes(endpoint, transport))
    if not inodes:
        return ""
    found = {
        f"{_name(process)} (process {process.name})"
        for process in Path("/proc").iterdir()
        if process.name.isdigit() and int(process.name) != os.getpid()
        if inodes & set(_sockets(process))
    }
    return ", ".join(sorted(found))


def _inodes(endpoint: Endpoint, transport: str) -> list[str]:
    wanted = ipaddress.ip_address(endpoint.host)
    own_table = transport if wanted.version == 4 else f"{transport}6"
    found = [
        inode
        for address, inode in _listeners(own_table, endpoint.port)
        if address == wanted or address.is_unspecified or wanted.is_unspecified
    ]
    if found or wanted.version == 6:
        return found
    # A socket for IPv6 may take IPv4 too; which of them do is not shown.
    return [
        inode
        for address, inode in _listeners(f"{transport}6", endpoint.port)
        if address.is_unspecified or getattr(address, "ipv4_mapped", None) == wanted
    ]


def _listeners(
    table: str, port: int
) -> Iterator[tuple[ipaddress.IPv4Address | ipaddress.IPv6Address, str]]:
    try:
        lines = Path("/proc/net", table).read_text().splitlines()[1:]
    except OSError:
        return
    for columns in map(str.split, lines):
        listens = table.startswith("udp") or columns[_STATE] == _TCP_LISTEN
        address, _, at = columns[_ADDRESS].rpartition(":")
        if listens and int(at, 16) == port:
            yield _parse(bytes.fromhex(address)), f"socket:[{columns[_INODE]}]"


def _parse(packed: bytes) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    if sys.byteorder == "little":
        words = [packed[at : at + _WORD][::-1] for at in range(0, len(packed), _WORD)]
        packed = b"".join(words)
    return ipaddress.ip_address(packed)


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
