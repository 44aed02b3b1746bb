"""Free ports, of which no two processes that run side by side get the same."""

from __future__ import annotations

import errno
import os
import secrets
import socket
from typing import Final

_CHOSEN: Final = range(10_000, 32_768)  # those above are given to whoever asks for any port
_BLOCK: Final = 64
_left: list[int] = []  # of the block whose first port this process holds


def free_port(address: str = "127.0.0.1") -> int:
    """Return a port that is free for both UDP and TCP at the address.

    A process gives each port away once, and another process that asks here gets others, so it may
    be used later, and again after a pause.
    """
    while True:
        if not _left:
            _left.extend(_own_block())
        port = _left.pop()
        if _is_free(address, port):
            return port


def _own_block() -> range:
    """Return ports of a block that is this process's until it ends, by holding the first one."""
    starts = _CHOSEN[::_BLOCK]
    for first in secrets.SystemRandom().sample(starts, len(starts)):
        guard = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            guard.bind(("127.0.0.1", first))
        except OSError:
            guard.close()
            continue
        guard.detach()
        return range(first + 1, min(first + _BLOCK, _CHOSEN.stop))
    raise OSError(errno.EADDRINUSE, "all ports are taken")


def _is_free(address: str, port: int) -> bool:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
    ):
        try:
            tcp.bind((address, port))
            udp.bind((address, port))
        except OSError:
            return False
    return True


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_left.clear)
