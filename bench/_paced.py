"""Asks DNS questions at a fixed rate, whether answers come or not, and measures how late they are.

Two times are taken of each answer. ``due`` counts from when its question should have been sent to
when the client had the answer, so whatever stalls, all questions that fall into the stall count.
``service`` counts from the sending to the arrival at the client's socket, as the kernel notes it:
the part that is not the client's own waiting for a core, which it shares with the service here.
"""

from __future__ import annotations

import select
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench._message import NOERROR, name_on_wire, read_message, write_question

_SOCKETS = 16  # each from a port of its own, so that every DNS worker gets its part
_LAST_SECONDS = 2.0
_TIMESTAMPS = 35  # SO_TIMESTAMPNS on Linux; the socket module has no name for it
_TIMESPEC = struct.Struct("@ll")
_CONTROL_SIZE = 128
_IDS = 65536


@dataclass(frozen=True)
class Latencies:
    """Seconds for each answer, in order, and how many questions were not answered."""

    due: tuple[float, ...]
    service: tuple[float, ...]
    lost: int

    def quantile(self, share: float, *, of_service: bool = False) -> float:
        """Return the seconds within which a share was answered; a lost one never was."""
        return quantile(self.service if of_service else self.due, share, missing=self.lost)


def quantile(ordered: Sequence[float], share: float, *, missing: int = 0) -> float:
    """Return the value below which a share lies; ``missing`` ones are beyond all others."""
    index = int((len(ordered) + missing) * share)
    return ordered[index] if index < len(ordered) else float("inf")


def together(rounds: Sequence[Latencies]) -> Latencies:
    """Return several rounds as one."""
    return Latencies(
        due=tuple(sorted(seconds for each in rounds for seconds in each.due)),
        service=tuple(sorted(seconds for each in rounds for seconds in each.service)),
        lost=sum(each.lost for each in rounds),
    )


def ask_at(rate: float, seconds: float, port: int, names: Sequence[str]) -> Latencies:
    """Ask for TXT values ``rate`` times a second. Raises ValueError for an answer without one."""
    client = _Client(port, [name_on_wire(name) for name in names])
    start = time.time() + 0.01
    for number in range(int(rate * seconds)):
        due = start + number / rate
        client.receive_until(due)
        client.ask(number, due)
    client.receive_last()
    return client.finish()


class _Client:
    def __init__(self, port: int, names: Sequence[bytes]) -> None:
        self._names = names
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(_SOCKETS)]
        for each in self._sockets:
            each.setsockopt(socket.SOL_SOCKET, _TIMESTAMPS, 1)
            each.connect(("127.0.0.1", port))
        self._waiting: dict[int, tuple[float, float]] = {}
        self._due: list[float] = []
        self._service: list[float] = []
        self._lost = 0

    def ask(self, number: int, due: float) -> None:
        name = self._names[number % len(self._names)]
        question = write_question(name, number % _IDS)
        if self._waiting.pop(number % _IDS, None):
            self._lost += 1
        self._waiting[number % _IDS] = due, time.time()
        self._sockets[number % _SOCKETS].send(question)

    def receive_until(self, then: float) -> None:
        while (left := then - time.time()) > 0:
            ready, _, _ = select.select(self._sockets, [], [], left)
            for each in ready:
                self._receive(each)

    def receive_last(self) -> None:
        end = time.time() + _LAST_SECONDS
        while self._waiting and (now := time.time()) < end:
            self.receive_until(now + 0.01)

    def _receive(self, sock: socket.socket) -> None:
        reply, control, _, _ = sock.recvmsg(4096, _CONTROL_SIZE)
        now = time.time()
        message = read_message(reply)
        if message.rcode != NOERROR or not message.texts:
            raise ValueError(f"an answer without a value: {reply.hex()}")
        if asked := self._waiting.pop(message.id, None):
            due, sent = asked
            self._due.append(now - due)
            self._service.append(_arrived(control) - sent)

    def finish(self) -> Latencies:
        for each in self._sockets:
            each.close()
        lost = self._lost + len(self._waiting)
        return Latencies(tuple(sorted(self._due)), tuple(sorted(self._service)), lost)


def _arrived(control: Sequence[tuple[int, int, bytes]]) -> float:
    for _, kind, data in control:
        if kind == _TIMESTAMPS:
            seconds, nanoseconds = _TIMESPEC.unpack(data[: _TIMESPEC.size])
            return float(seconds + nanoseconds / 1e9)
    raise ValueError("the kernel did not say when an answer arrived")
