"""A small HTTP server on loopback for fakes of providers' APIs, which can also misbehave."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import h11


def after(header: str, begin: str) -> str:
    """Return what follows the beginning of a header, empty if it does not begin so."""
    return header.removeprefix(begin) if header.startswith(begin) else ""


@dataclass(frozen=True)
class Request:
    """What a client sent; names of headers are lower-case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password of a Basic authorization."""
        kind, _, text = self.headers.get("authorization", "").partition(" ")
        if kind != "Basic":
            return None
        user, _, password = base64.b64decode(text).decode().partition(":")
        return user, password


@dataclass(frozen=True)
class Reply:
    """An answer; ``body`` is bytes, or becomes JSON."""

    status: int = 200
    body: object = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def content(self) -> bytes:
        """The bytes of the body."""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


class FakeHttpServer:
    """Answers with ``handler``, unless ``faults`` hold something: then that comes first.

    An answer is a Reply, bytes to send as they are before hanging up, or None for silence.
    """

    def __init__(self, handler: Callable[[Request], Reply | bytes | None]) -> None:
        self.handler = handler
        self.faults: deque[Reply | bytes | None] = deque()
        self.requests: list[Request] = []
        self.url = ""
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @contextmanager
    def failing(self, fault: Reply | bytes | None) -> Iterator[None]:
        """Answer every request with the fault until the block ends."""
        self.faults.extend([fault] * 20)
        try:
            yield
        finally:
            self.faults.clear()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the requests of one connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._connections[task] = writer
        task.add_done_callback(self._connections.pop)
        await task

    async def hang_up(self) -> None:
        """Close the connections that clients left open."""
        for writer in self._connections.values():
            writer.close()
        await asyncio.gather(*self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        try:
            while (request := await _read_request(connection, reader)) is not None:
                self.requests.append(request)
                reply = self.faults.popleft() if self.faults else self.handler(request)
                if reply is None:
                    await reader.read()
                    return
                if isinstance(reply, bytes):
                    writer.write(reply)
                    await writer.drain()
                    return
                writer.write(_render(connection, reply))
                await writer.drain()
                connection.start_next_cycle()
        except (ConnectionError, h11.RemoteProtocolError):
            pass  # the client went away, as some tests make it do
        finally:
            writer.close()


async def _read_request(connection: h11.Connection, reader: asyncio.StreamReader) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            headers = {name.decode(): value.decode() for name, value in head.headers}
            return Request(head.method.decode(), head.target.decode(), headers, bytes(body))
        else:
            return None


def _render(connection: h11.Connection, reply: Reply) -> bytes:
    content = reply.content()
    headers = [*reply.headers.items(), ("Content-Length", str(len(content)))]
    parts = [
        connection.send(h11.Response(status_code=reply.status, headers=headers)),
        connection.send(h11.Data(data=content)),
        connection.send(h11.EndOfMessage()),
    ]
    return b"".join(part for part in parts if part)


@asynccontextmanager
async def fake_http_server(
    handler: Callable[[Request], Reply | bytes | None], tls: ssl.SSLContext | None = None
) -> AsyncIterator[FakeHttpServer]:
    """Run the server until the block ends."""
    fake = FakeHttpServer(handler)
    server = await asyncio.start_server(fake.accept, "127.0.0.1", 0, ssl=tls)
    scheme = "https" if tls else "http"
    fake.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield fake
    finally:
        server.close()
        await fake.hang_up()
