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

import httptools


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
        reading = _Reading()
        try:
            while data := await reader.read(65536):
                for request in reading.requests_in(data):
                    self.requests.append(request)
                    reply = self.faults.popleft() if self.faults else self.handler(request)
                    if reply is None:
                        await reader.read()
                        return
                    last = isinstance(reply, bytes) or not reading.keeps_alive
                    writer.write(reply if isinstance(reply, bytes) else _render(reply, last=last))
                    await writer.drain()
                    if last:
                        return
        except (ConnectionError, httptools.HttpParserError):
            pass  # the client went away, as some tests make it do
        finally:
            writer.close()


class _Reading:
    """Takes requests apart, by the calls that httptools makes while it reads."""

    def __init__(self) -> None:
        self._parser = httptools.HttpRequestParser(self)
        self._done: list[Request] = []

    def requests_in(self, data: bytes) -> list[Request]:
        """Return the requests that end in the data. Raises HttpParserError."""
        self._done = []
        self._parser.feed_data(data)
        return self._done

    @property
    def keeps_alive(self) -> bool:
        """Whether the client may send another one."""
        return self._parser.should_keep_alive()

    def on_message_begin(self) -> None:
        self._target, self._body = b"", b""
        self._headers: dict[str, str] = {}

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode().lower()] = value.decode()

    def on_body(self, part: bytes) -> None:
        self._body += part

    def on_message_complete(self) -> None:
        method = self._parser.get_method().decode()
        self._done.append(Request(method, self._target.decode(), self._headers, self._body))


def _render(reply: Reply, *, last: bool) -> bytes:
    content = reply.content()
    headers = {**reply.headers, "Content-Length": str(len(content))}
    if last:
        headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {reply.status} ", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + content


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
