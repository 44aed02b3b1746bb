"""Answers DNS by UDP: blocking sockets in a plain loop, which is the fastest that Python has."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Sequence

from zoneproof.challengedns.dns.answers import Responder
from zoneproof.challengedns.dns.asked import AskedNames
from zoneproof.challengedns.dns.udp_plain import UdpSocket
from zoneproof.challengedns.dns.udp_sockets import udp_socket
from zoneproof.challengedns.dns.watched import WatchedAnswers
from zoneproof.serving.limits import RateLimit, network_of

_MUCH = 3  # times as long as the question: two values are less, as acme-dns has them
_DRAIN_LIMIT = 10_000
_POLL_SECONDS = 0.2


def _network(address: str) -> str:
    found = network_of(address)
    return found if ":" in found else found.rpartition(".")[0]


class UdpServer:
    """Answers what arrives at its sockets until told to stop.

    ``limit`` counts answers of more than three times their question's length, by the sender's
    network (an IPv4 /24 or an IPv6 /64, since whoever forges senders forges neighbours too).
    Beyond it the answer is "ask by TCP", which a forged sender cannot. Sockets must have a receive
    timeout, after which the loop looks whether to stop. ``watched`` is where answers are kept that
    somebody watches, ``asked`` where the last question for each registration is.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        responder: Responder,
        limit: RateLimit | None,
        watched: WatchedAnswers | None,
        asked: AskedNames | None,
    ) -> None:
        self._sockets = [udp_socket(sock) for sock in sockets]
        self._responder = responder
        self._limit = limit
        self._watched = watched
        self._asked = asked
        self._stopping = False

    def stop(self) -> None:
        """Answer what has arrived, then return from :meth:`run`. Callable from any thread."""
        self._stopping = True

    def run(self) -> None:
        """Answer until :meth:`stop`."""
        if len(self._sockets) == 1:
            self._run_one(self._sockets[0])
        else:
            self._run_several()
        for each in self._sockets:
            taken = 0
            while taken < _DRAIN_LIMIT and (count := self._take(each, wait=False)):
                taken += count

    def _run_one(self, only: UdpSocket) -> None:
        is_cold = True
        while not self._stopping:
            self._responder.beat()
            is_cold = is_cold and self._responder.warm_up()
            self._take(only, wait=not is_cold)
            self._responder.look()

    def _run_several(self) -> None:
        with selectors.DefaultSelector() as selector:
            for each in self._sockets:
                selector.register(each.fileno(), selectors.EVENT_READ, each)
            is_cold = True
            while not self._stopping:
                self._responder.beat()
                is_cold = is_cold and self._responder.warm_up()
                self._responder.look()
                for key, _ in selector.select(0 if is_cold else _POLL_SECONDS):
                    self._take(key.data, wait=False)

    def _take(self, source: UdpSocket, *, wait: bool) -> int:
        """Answer what has arrived, at most a batch, and return how much that was."""
        packets = source.receive(wait=wait)
        if packets:
            replies = self._responder.answers(packets)
            if self._limit is not None:
                self._hold_back(self._limit, source, packets, replies)
            if self._watched is not None and self._watched.until[0]:
                self._note(self._watched, source, replies)
            if self._asked is not None:
                self._asked.note(replies, source.sender)
            source.send(replies)
        return len(packets)

    def _note(
        self, watched: WatchedAnswers, source: UdpSocket, replies: Sequence[bytes | None]
    ) -> None:
        if watched.is_watched:
            for index, reply in enumerate(replies):
                if reply is not None:
                    watched.note(source.sender(index), reply)

    def _hold_back(
        self,
        limit: RateLimit,
        source: UdpSocket,
        packets: Sequence[bytes],
        replies: list[bytes | None],
    ) -> None:
        for index, reply in enumerate(replies):
            packet = packets[index]
            if (
                reply is not None
                and len(reply) > _MUCH * len(packet)
                and limit.take(_network(source.sender(index)))
            ):
                replies[index] = self._responder.truncated(packet)
