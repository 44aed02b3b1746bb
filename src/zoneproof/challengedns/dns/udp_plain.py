"""What the server needs of a UDP socket, and the plain one that every system has."""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import Sequence
from typing import Any, Final, Protocol

PACKET_SIZE: Final = 4096
"""How many bytes of a packet are read; no question that can be answered is as long."""

_ANY = ("0.0.0.0", "::")  # noqa: S104
IPV4_INFO = struct.Struct("=i4s4s")  # in_pktinfo: interface, our address, destination
IPV6_INFO = struct.Struct("=16si")  # in6_pktinfo: destination, interface


class UdpSocket(Protocol):
    """A socket as the server uses it."""

    def fileno(self) -> int:
        """Return the descriptor."""
        ...

    def receive(self, *, wait: bool) -> Sequence[bytes]:
        """Return what has arrived, at most a batch; none if nothing came in time."""
        ...

    def sender(self, index: int) -> str:
        """Return the address that sent a packet of those received last."""
        ...

    def send(self, replies: Sequence[bytes | None]) -> None:
        """Answer the packets received last, except those whose reply is None.

        From a wildcard address the replies leave by the address that was asked: without that a
        host with several addresses may answer from another one, and no resolver takes such an
        answer. One that cannot be sent (no route, port 0) is its receiver's loss alone.
        """
        ...


def is_wildcard(sock: socket.socket) -> bool:
    """Tell whether a socket takes what is sent to any address of this machine."""
    return sock.getsockname()[0] in _ANY


class PlainSocket:
    """A socket that takes and sends one packet at a time."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._peer: Any = None
        self._control: list[tuple[int, int, bytes]] = []

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def receive(self, *, wait: bool) -> Sequence[bytes]:
        """Return the next packet alone."""
        flags = 0 if wait else socket.MSG_DONTWAIT
        try:
            packet, control, _, self._peer = self._socket.recvmsg(PACKET_SIZE, 128, flags)
        except BlockingIOError:
            return ()
        self._control = [_source(*item) for item in control]
        return (packet,)

    def sender(self, index: int) -> str:
        """Return the address that sent it."""
        return str(self._peer[0])

    def send(self, replies: Sequence[bytes | None]) -> None:
        """Answer it."""
        for reply in replies:
            if reply is not None:
                with contextlib.suppress(OSError):
                    self._socket.sendmsg([reply], self._control, 0, self._peer)


def _source(level: int, kind: int, data: bytes) -> tuple[int, int, bytes]:
    # The interface is left open: the routing table knows the way back.
    if level == socket.IPPROTO_IP:
        _, _, asked = IPV4_INFO.unpack(data)
        return level, kind, IPV4_INFO.pack(0, asked, bytes(4))
    asked, _ = IPV6_INFO.unpack(data)
    return level, kind, IPV6_INFO.pack(asked, 0)
