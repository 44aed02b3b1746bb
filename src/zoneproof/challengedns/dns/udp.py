"""Answers DNS by UDP: blocking sockets in a plain loop, which is the fastest that Python has."""

from __future__ import annotations

import contextlib
import itertools
import selectors
import socket
import struct
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from zoneproof.challengedns.dns.answers import Responder
from zoneproof.serving.limits import RateLimit, network_of

_PACKET_SIZE = 4096
_MUCH = 3  # times as long as the question: two values are less, as acme-dns has them
_BATCH = 256
_DRAIN_LIMIT = 10_000
_POLL_SECONDS = 0.2

_IP_PKTINFO = 8  # Linux; the socket module has no name for it
_CONTROL_SIZE = 128
_IPV4_INFO = struct.Struct("=i4s4s")  # in_pktinfo: interface, our address, destination
_IPV6_INFO = struct.Struct("=16si")  # in6_pktinfo: destination, interface

Peer = Any
"""Whom to answer, in the form that the endpoint gave; the first item is the address as text."""


class UdpEndpoint(Protocol):
    """A socket, or something that receives and sends like one."""

    def recvfrom(self, size: int, flags: int = 0, /) -> tuple[bytes, Peer]:
        """Receive a packet."""
        ...

    def sendto(self, reply: bytes, peer: Peer, /) -> int:
        """Send a packet."""
        ...

    def fileno(self) -> int:
        """Return the descriptor."""
        ...


class WildcardSocket:
    """A socket on 0.0.0.0 or ``::`` that answers from the address that was asked.

    Without that a host with several addresses may answer from another one, and no resolver
    takes such an answer.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        if sock.family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._socket.fileno()

    def recvfrom(self, size: int, flags: int = 0, /) -> tuple[bytes, Peer]:
        """Receive a packet; the peer is its sender and the address that it was sent to."""
        packet, control, _, sender = self._socket.recvmsg(size, _CONTROL_SIZE, flags)
        return packet, (sender[0], sender, [_source(*item) for item in control])

    def sendto(self, reply: bytes, peer: Peer, /) -> int:
        """Send a packet from the address that was asked."""
        _, sender, control = peer
        return self._socket.sendmsg([reply], control, 0, sender)


def _source(level: int, kind: int, data: bytes) -> tuple[int, int, bytes]:
    # The interface is left open: the routing table knows the way back.
    if level == socket.IPPROTO_IP:
        _, _, asked = _IPV4_INFO.unpack(data)
        return level, kind, _IPV4_INFO.pack(0, asked, bytes(4))
    asked, _ = _IPV6_INFO.unpack(data)
    return level, kind, _IPV6_INFO.pack(asked, 0)


def endpoint(sock: socket.socket) -> UdpEndpoint:
    """Return the socket itself, or for a wildcard address one that minds the address asked."""
    address = sock.getsockname()[0]
    return WildcardSocket(sock) if address in {"0.0.0.0", "::"} else sock  # noqa: S104


def _network(address: str) -> str:
    found = network_of(address)
    return found if ":" in found else found.rpartition(".")[0]


class UdpServer:
    """Answers what arrives at its sockets until told to stop.

    ``limit`` counts answers of more than three times their question's length, by the sender's
    network (an IPv4 /24 or an IPv6 /64, since whoever forges senders forges neighbours too).
    Beyond it the answer is "ask by TCP", which a forged sender cannot. Sockets must have a receive
    timeout, after which the loop looks whether to stop.
    """

    def __init__(
        self, sockets: Sequence[socket.socket], responder: Responder, limit: RateLimit | None
    ) -> None:
        self._endpoints = [endpoint(sock) for sock in sockets]
        self._responder = responder
        self._limit = limit
        self._stopping = False

    def stop(self) -> None:
        """Answer what has arrived, then return from :meth:`run`. Callable from any thread."""
        self._stopping = True

    def run(self) -> None:
        """Answer until :meth:`stop`."""
        if len(self._endpoints) == 1:
            self._run_one(self._endpoints[0])
        else:
            self._run_several()
        for each in self._endpoints:
            self._take(each, itertools.repeat(socket.MSG_DONTWAIT, _DRAIN_LIMIT))

    def _run_one(self, only: UdpEndpoint) -> None:
        while not self._stopping and self._responder.warm_up():
            self._responder.beat()
            self._take(only, itertools.repeat(socket.MSG_DONTWAIT, _BATCH))
        while not self._stopping:
            self._responder.beat()
            self._take(only, itertools.repeat(0, _BATCH))
            self._responder.look()

    def _run_several(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in self._endpoints:
                selector.register(each.fileno(), selectors.EVENT_READ, each)
            is_cold = True
            while not self._stopping:
                self._responder.beat()
                is_cold = is_cold and self._responder.warm_up()
                self._responder.look()
                for key, _ in selector.select(0 if is_cold else _POLL_SECONDS):
                    self._take(key.data, itertools.repeat(socket.MSG_DONTWAIT, _BATCH))

    def _take(self, source: UdpEndpoint, flags: Iterable[int]) -> None:
        receive, send = source.recvfrom, source.sendto
        respond, limit = self._responder.respond, self._limit
        for flag in flags:
            try:
                packet, peer = receive(_PACKET_SIZE, flag)
            except BlockingIOError:
                return
            reply = respond(packet)
            if reply is not None:
                if (
                    len(reply) > _MUCH * len(packet)
                    and limit is not None
                    and limit.take(_network(peer[0]))
                ):
                    reply = self._responder.truncated(packet)
                    if reply is None:
                        continue
                # An answer that cannot be sent (no route, port 0) is the sender's loss alone.
                with contextlib.suppress(OSError):
                    send(reply, peer)
