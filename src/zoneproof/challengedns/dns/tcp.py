"""Answers DNS by TCP (RFC 7766): a plain loop over sockets, fair to all, and bounded in memory.

A connection is a socket and a few bytes, without anything that refers to itself, so it is gone
from memory when it ends although the worker collects no garbage. Each turn of the loop takes so
little from every connection that whoever sends a thousand questions at once waits for those who
send one. Who does not read the answers is not listened to, and closed.
"""

from __future__ import annotations

import contextlib
import select
import socket
import time
from collections.abc import Sequence
from typing import Final

from zoneproof.challengedns.dns.answers import Responder
from zoneproof.challengedns.dns.asked import AskedNames
from zoneproof.challengedns.dns.transfer_desk import TransferDesk
from zoneproof.challengedns.dns.watched import WatchedAnswers
from zoneproof.serving.limits import Crowd, network_of
from zoneproof.serving.sockets import drop_unsent

MEMORY: Final = 160 * 1024
"""How many bytes a connection takes at most, nearly all of them in the kernel."""

_LENGTH = 2
_MAX_QUESTION = 4096  # bytes, as by UDP; nothing that can be answered comes near it
_TURN_QUESTIONS = 10  # of a connection
_TURN_BYTES = 1024  # of a connection
_WRITE_MARK = 16 * 1024  # bytes of answers, after which no more questions are answered in a turn
_TURN_CONNECTIONS = 64  # new ones at a listener, and of the others those that wait for longest
_SEND_BUFFER, _RECEIVE_BUFFER = 48 * 1024, 8 * 1024  # bytes, of which the kernel takes twice
_POLL_SECONDS = 0.2


class TcpServer:
    """Answers on listening sockets until told to stop.

    A connection that does not ask a question and take its answer for ``idle_timeout`` seconds is
    closed; when there are more than ``max_connections``, or more than ``max_of_one`` of an IPv4
    address or an IPv6 /64, the one that has not done so for longest is. A connection whose next
    question the ``desk`` takes is given away with it.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        responder: Responder,
        *,
        max_connections: int,
        max_of_one: int,
        idle_timeout: float,
        watched: WatchedAnswers | None = None,
        asked: AskedNames | None = None,
        desk: TransferDesk | None = None,
    ) -> None:
        self._desk = desk
        self._sockets = sockets
        self._responder = responder
        self._idle_timeout = idle_timeout
        self._crowd: Crowd[_Connection] = Crowd(max_connections, max_of_one)
        self._watched = watched
        self._asked = asked
        self._open: dict[int, _Connection] = {}
        self._stopping = False

    def stop(self) -> None:
        """Answer what has arrived, then return from :meth:`run`. Callable from any thread."""
        self._stopping = True

    def run(self) -> None:
        """Answer until :meth:`stop`."""
        for listener in self._sockets:
            _make_bounded(listener)
            listener.setblocking(False)
        with contextlib.closing(select.epoll()) as self._epoll:
            for listener in self._sockets:
                self._epoll.register(listener, select.EPOLLIN)
            while not self._stopping:
                self._responder.beat()
                self._responder.look()
                self._turn(min(_POLL_SECONDS, self._idle_timeout / 4))
                for listener in self._sockets:
                    self._accept(listener)
            for listener in self._sockets:
                self._epoll.unregister(listener)
            self._turn(0, len(self._crowd))
            for connection in list(self._crowd):
                self._close(connection)

    def _turn(self, seconds: float, most: int = _TURN_CONNECTIONS) -> None:
        # What is not among so many is among the first of the next turn: the kernel takes turns.
        for descriptor, _ in self._epoll.poll(seconds, max(most, 1)):
            connection = self._open.get(descriptor)
            if connection is not None:
                self._serve(connection)
        self._close_idle(time.monotonic() - self._idle_timeout)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_TURN_CONNECTIONS):
            try:
                sock, peer = listener.accept()
            except BlockingIOError:
                return
            except OSError:  # it has gone already, or the machine is short of something
                self._close_first()
                return
            sock.setblocking(False)
            connection = _Connection(sock, peer[0])
            self._open[sock.fileno()] = connection
            self._epoll.register(sock, select.EPOLLIN)
            self._crowd.enter(connection, connection.network)
            excess = next(self._crowd.in_excess(connection), None)
            if excess is not None:
                self._close(excess)
            # Whoever does not crowd us out is answered before the crowd has its turn again.
            if excess is None or excess.network != connection.network:
                self._serve(connection)

    def _serve(self, connection: _Connection) -> None:
        if connection.unsent:
            self._send(connection, connection.unsent)
        elif connection.has_more:
            self._answer(connection)
        else:
            self._receive(connection)

    def _receive(self, connection: _Connection) -> None:
        try:
            data = connection.sock.recv(_TURN_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            connection.received += data
            self._answer(connection)
        else:
            self._close(connection)

    def _answer(self, connection: _Connection) -> None:
        received = connection.received
        replies: list[bytes] = []
        start = size = taken = 0
        connection.has_more = False
        while len(received) - start >= _LENGTH:
            length = int.from_bytes(received[start : start + _LENGTH], "big")
            if length > _MAX_QUESTION:
                self._close(connection)
                return
            end = start + _LENGTH + length
            if end > len(received):
                break
            if taken == _TURN_QUESTIONS or size > _WRITE_MARK:
                connection.has_more = True
                break
            message = received[start + _LENGTH : end]
            if self._desk is not None and self._desk.takes(message, connection.sock):
                if not replies:
                    self._give_away(connection, received[start:], self._desk)
                    return
                connection.has_more = True  # first what was asked before
                break
            reply = self._responder.respond(message, tcp=True)
            if reply is not None:
                replies += [len(reply).to_bytes(_LENGTH, "big"), reply]
                size += len(reply)
                if self._watched and self._watched.is_watched:
                    self._watched.note(connection.network, reply)
                if self._asked is not None:
                    self._asked.note((reply,), connection.sender)
            taken += 1
            start = end
        connection.received = received[start:]
        if replies:
            self._send(connection, b"".join(replies))
        else:
            self._wait_for(connection)

    def _give_away(self, connection: _Connection, received: bytes, desk: TransferDesk) -> None:
        self._epoll.unregister(connection.sock)
        desk.give(connection.sock, received)
        self._close(connection)

    def _send(self, connection: _Connection, data: bytes) -> None:
        try:
            sent = connection.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._close(connection)
            return
        connection.unsent = data[sent:]
        if not connection.unsent:
            connection.useful_at = time.monotonic()
            self._crowd.touch(connection)
        self._wait_for(connection)

    def _wait_for(self, connection: _Connection) -> None:
        """Listen no further to a connection before its answers and its questions are dealt with."""
        is_held = bool(connection.unsent) or connection.has_more
        if is_held != connection.is_held:
            connection.is_held = is_held
            event = select.EPOLLOUT if is_held else select.EPOLLIN
            self._epoll.modify(connection.sock, event)

    def _close_first(self) -> None:
        first = next(iter(self._crowd), None)
        if first is not None:
            self._close(first)

    def _close_idle(self, since: float) -> None:
        while (first := next(iter(self._crowd), None)) and first.useful_at <= since:
            self._close(first)

    def _close(self, connection: _Connection) -> None:
        self._crowd.leave(connection)
        del self._open[connection.sock.fileno()]
        if connection.unsent:
            drop_unsent(connection.sock)
        connection.sock.close()


class _Connection:
    """One client's connection: messages, each after two bytes of length."""

    __slots__ = (
        "address",
        "has_more",
        "is_held",
        "network",
        "received",
        "sock",
        "unsent",
        "useful_at",
    )

    def __init__(self, sock: socket.socket, address: str) -> None:
        self.sock = sock
        self.address = address
        self.network = network_of(address)
        self.received = b""
        self.unsent = b""
        self.has_more = False
        self.is_held = False
        self.useful_at = time.monotonic()

    def sender(self, index: int) -> str:
        """Return the address that gets a reply."""
        return self.address


def _make_bounded(listener: socket.socket) -> None:
    # Its connections inherit this.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
