"""One HTTP/1.1 exchange for each connection: GET or HEAD of a live token, or 404."""

from __future__ import annotations

import asyncio
import contextlib

import h11

from zoneproof.challenges import http01

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
