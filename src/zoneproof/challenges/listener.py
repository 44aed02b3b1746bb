"""Answers http-01 from a small HTTP server of our own, which listens only while needed."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from collections.abc import Sequence

import h11

from zoneproof.acme.keys import check_token
from zoneproof.challenges import http01
from zoneproof.challenges.webroot import Leftover
from zoneproof.core.errors import HttpResponderError, InvalidInputError

_MOST_BYTES = 8192  # of a request's head
_SECONDS = 10.0  # for a whole exchange
_MOST_CONNECTIONS = 256
_METHODS = (b"GET", b"HEAD")


class Exchanges:
    """Serves ``answers``, key authorizations by token.

    Of too many connections at once the oldest gives way, so that silent ones keep nobody out.
    """

    def __init__(self) -> None:
        self.answers: dict[str, str] = {}
        self._running: dict[asyncio.Task[None], None] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the connection's first request and close it; never raises."""
        task = asyncio.current_task()
        assert task is not None
        if len(self._running) >= _MOST_CONNECTIONS:
            next(iter(self._running)).cancel()
        self._running[task] = None
        try:
            async with asyncio.timeout(_SECONDS):
                await self._exchange(reader, writer)
        except (TimeoutError, OSError, asyncio.CancelledError):
            # The task is this connection's own: its end is nobody else's business.
            writer.transport.abort()
        finally:
            del self._running[task]
            writer.close()

    async def stop(self) -> None:
        """End the connections that are open."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER, max_incomplete_event_size=_MOST_BYTES)
        request = None
        try:
            request = await _read_request(connection, reader)
            if request is None:
                return
            status, body = self._answer(request)
        except h11.RemoteProtocolError as error:
            status, body = error.error_status_hint, b""
        is_head = request is not None and request.method == b"HEAD"
        writer.write(_response(connection, status, body, is_head=is_head))
        await writer.drain()
        with contextlib.suppress(OSError):
            writer.write_eof()
        # What the client may still send is read away: closing before would lose the response.
        left = _MOST_BYTES
        while left > 0 and (data := await reader.read(left)):
            left -= len(data)

    def _answer(self, request: h11.Request) -> tuple[int, bytes]:
        prefix = http01.path("x").removesuffix("x").encode()
        if request.method in _METHODS and request.target.startswith(prefix):
            token = request.target[len(prefix) :].decode("ascii", "replace")
            if token in self.answers:
                return 200, self.answers[token].encode("ascii")
        return 404, b""


async def _read_request(
    connection: h11.Connection, reader: asyncio.StreamReader
) -> h11.Request | None:
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            return event
        if event is not h11.NEED_DATA:
            return None
        connection.receive_data(await reader.read(_MOST_BYTES))


def _response(connection: h11.Connection, status: int, body: bytes, *, is_head: bool) -> bytes:
    head = h11.Response(
        status_code=status,
        headers=[
            ("Content-Type", "application/octet-stream"),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
        ],
    )
    parts = [connection.send(head)]
    if body and not is_head:
        parts.append(connection.send(h11.Data(data=body)))
    parts.append(connection.send(h11.EndOfMessage()))
    return b"".join(part for part in parts if part)


EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104  the CA comes from anywhere
PORT = 80
_BACKLOG = 128
_NO_SUCH_FAMILY = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


class Listeners:
    """The sockets of one process: orders that answer at the same address and port share one."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, int], _Shared] = {}

    def listener(self, addresses: Sequence[str] = (), port: int = PORT) -> Listener:
        """Return a responder for IP addresses of this machine, without any for all of them.

        Raises InvalidInputError for something else than an IP address and a port.
        """
        for address in addresses:
            _family(address)
        if not 0 < port < 65536:
            raise InvalidInputError(f"{port} is not a valid port: give 1 to 65535")
        shared = []
        for address in dict.fromkeys(addresses or EVERYWHERE):
            one = self._open.setdefault((address, port), _Shared(address, port))
            one.needed = one.needed or bool(addresses)
            shared.append(one)
        return Listener(shared)


class Listener:
    """A responder with its own tokens, at sockets that others may share. See :class:`Listeners`."""

    def __init__(self, shared: Sequence[_Shared]) -> None:
        self._shared = tuple(shared)
        self._tokens: set[str] = set()

    @property
    def where(self) -> str:
        """Where the answers are, for people."""
        return f"a listener at {' and '.join(map(str, self._shared))}"

    async def check(self) -> None:
        """See whether the ports can be used, without taking a connection."""
        usable = False
        for one in self._shared:
            found = None if one.is_listening else one.bind()
            if found is not None:
                found.close()
            usable = usable or one.is_listening or found is not None
        self._require(usable)

    def leftover(self, token: str) -> Leftover | None:
        """Return nothing: what listens ends with its process."""
        del token
        return None

    async def put(self, token: str, key_authorization: str) -> None:
        """Listen, unless that is done already, and answer for the token."""
        if check_token(token) not in self._tokens:
            self._tokens.add(token)
            try:
                for one in self._shared:
                    await one.hold(token, key_authorization)
                self._require(any(one.is_listening for one in self._shared))
            except HttpResponderError:
                await self.remove(token)
                raise

    async def remove(self, token: str) -> None:
        """Answer for the token no more; with the last one, stop listening."""
        if token in self._tokens:
            self._tokens.remove(token)
            for one in self._shared:
                await one.release(token)

    async def close(self) -> None:
        """Remove the tokens that are left."""
        for token in list(self._tokens):
            await self.remove(token)

    def _require(self, usable: bool) -> None:
        if not usable:
            raise _unusable(self._shared[0], OSError(errno.EADDRNOTAVAIL, "no such address"))


class _Shared:
    """One address and port, open while any token is held.

    Unless it is ``needed``, an address whose family this machine does not have is passed over.
    """

    def __init__(self, address: str, port: int) -> None:
        self.address = address
        self.port = port
        self.needed = False
        self._exchanges = Exchanges()
        self._server: asyncio.Server | None = None
        self._changing = asyncio.Lock()

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host} port {self.port}"

    @property
    def is_listening(self) -> bool:
        return self._server is not None

    async def hold(self, token: str, key_authorization: str) -> None:
        async with self._changing:
            self._exchanges.answers[token] = key_authorization
            if self._server is None:
                found = self.bind()
                if found is not None:
                    self._server = await asyncio.start_server(
                        self._exchanges.serve, sock=found, backlog=_BACKLOG
                    )

    async def release(self, token: str) -> None:
        async with self._changing:
            self._exchanges.answers.pop(token, None)
            if self._server is not None and not self._exchanges.answers:
                self._server.close()
                self._server = None
                await self._exchanges.stop()

    def bind(self) -> socket.socket | None:
        """Return a bound socket, None for a family that is not here and not needed."""
        found = None
        try:
            found = socket.socket(_family(self.address), socket.SOCK_STREAM)
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if found.family == socket.AF_INET6:
                found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            found.bind((self.address, self.port))
            # Linux lets two bind with SO_REUSEADDR as long as neither listens.
            found.listen(_BACKLOG)
        except OSError as error:
            if found is not None:
                found.close()
            if error.errno in _NO_SUCH_FAMILY and not self.needed:
                return None
            raise _unusable(self, error) from error
        return found


def _family(address: str) -> socket.AddressFamily:
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, address)
        except OSError:
            continue
        return family
    raise InvalidInputError(f"'{address[:80]}' is not an IP address to listen on")


def _unusable(shared: _Shared, error: OSError) -> HttpResponderError:
    match error.errno:
        case errno.EADDRINUSE:
            advice = (
                "another program listens there: if it is a web server, use its webroot, or stop"
                " that program while this runs"
            )
        case errno.EACCES | errno.EPERM:
            advice = (
                "this user cannot use the port: run this as root, give it the capability"
                " CAP_NET_BIND_SERVICE, or use a webroot"
            )
        case errno.EADDRNOTAVAIL:
            advice = "this machine does not have the address: use one that it has"
        case _:
            advice = f"{error.strerror}"
    return HttpResponderError(f"cannot listen on {shared}: {advice}")
