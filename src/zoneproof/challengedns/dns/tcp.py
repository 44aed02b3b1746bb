"""Answers DNS by TCP (RFC 7766): several questions on a connection, bounded in time and number."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections import OrderedDict
from collections.abc import Sequence
from typing import cast

from zoneproof.challengedns.dns.answers import Responder

_LENGTH = 2
_BACKLOG = 512


class TcpServer:
    """Answers on listening sockets until told to stop.

    A connection that asks nothing for ``idle_timeout`` seconds is closed; when there are more
    than ``max_connections``, the one that has been silent for longest is.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        responder: Responder,
        *,
        max_connections: int,
        idle_timeout: float,
    ) -> None:
        self.responder = responder
        self._sockets = sockets
        self._max_connections = max_connections
        self._idle_timeout = idle_timeout
        self._last_heard: OrderedDict[Connection, float] = OrderedDict()

    async def run(self, stop: asyncio.Event) -> None:
        """Answer until ``stop`` is set."""
        loop = asyncio.get_running_loop()
        servers = [
            await loop.create_server(lambda: Connection(self), sock=sock, backlog=_BACKLOG)
            for sock in self._sockets
        ]
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), min(1.0, self._idle_timeout / 4))
            self._close_silent(loop.time() - self._idle_timeout)
        for server in servers:
            server.close()
        for connection in list(self._last_heard):
            connection.close()

    def heard(self, connection: Connection) -> None:
        """Note that a connection was opened, or asked a whole question."""
        self._last_heard[connection] = asyncio.get_running_loop().time()
        self._last_heard.move_to_end(connection)
        if len(self._last_heard) > self._max_connections:
            silent, _ = self._last_heard.popitem(last=False)
            silent.close()

    def forget(self, connection: Connection) -> None:
        """Note that a connection has ended."""
        self._last_heard.pop(connection, None)

    def _close_silent(self, since: float) -> None:
        for connection, heard in list(self._last_heard.items()):
            if heard > since:
                break
            self.forget(connection)
            connection.close()


class Connection(asyncio.Protocol):
    """One client's connection: messages, each after two bytes of length."""

    def __init__(self, server: TcpServer) -> None:
        self._server = server
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self._server.heard(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        self._server.forget(self)

    def data_received(self, data: bytes) -> None:
        """Answer each whole question, and keep the rest until more comes."""
        received = self._received + data
        replies = []
        start = 0
        while len(received) - start >= _LENGTH:
            end = start + _LENGTH + int.from_bytes(received[start : start + _LENGTH], "big")
            if end > len(received):
                break
            reply = self._server.responder.respond(received[start + _LENGTH : end], tcp=True)
            if reply is not None:
                replies += [len(reply).to_bytes(_LENGTH, "big"), reply]
            start = end
        self._received = received[start:]
        if replies:
            self._server.heard(self)
            self._transport.writelines(replies)

    def pause_writing(self) -> None:
        """Take no more questions from a client that does not read the answers."""
        self._transport.pause_reading()

    def resume_writing(self) -> None:
        """Take questions again."""
        self._transport.resume_reading()

    def close(self) -> None:
        """Close; what the client has not taken by now is dropped."""
        if self._transport.get_write_buffer_size():
            self._transport.abort()
        else:
            self._transport.close()
