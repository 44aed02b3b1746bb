"""An HTTP server in the test's process, on each stack, and connections to it by hand."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from zoneproof.serving.certificate import KeyPair
from zoneproof.serving.connection import Deadlines
from zoneproof.serving.h11_protocol import StrictH11Protocol
from zoneproof.serving.httptools_protocol import StrictHttpToolsProtocol
from zoneproof.serving.server import HttpServer

SHORT = 0.3
PATIENT = Deadlines(look=0.02)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
UNFINISHED = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n{"
LARGE = "x" * 1_000_000
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
STACKS: dict[str, tuple[bool, type[asyncio.Protocol]]] = {
    "as it comes": (False, StrictH11Protocol),
    "httptools": (False, StrictHttpToolsProtocol),
    "httptools and uvloop": (True, StrictHttpToolsProtocol),
}
_parser: type[asyncio.Protocol] = StrictH11Protocol


@pytest.fixture(scope="module", params=STACKS)
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Run each test with and without what the extra ``speed`` installs."""
    global _parser
    use_uvloop, _parser = STACKS[request.param]
    return "asyncio", {"use_uvloop": use_uvloop}


def parser() -> type[asyncio.Protocol]:
    """Return the parser of the stack on which the test runs."""
    return _parser


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer the path, after the whole body; ``/large`` with much."""
    request = Request(scope, receive)
    try:
        body = await request.body()
    except ClientDisconnect:
        return
    answer = LARGE if scope["path"] == "/large" else f"{scope['path']} {len(body)}"
    await PlainTextResponse(answer)(scope, receive, send)


@asynccontextmanager
async def serving(
    application: ASGIApp = app,
    *,
    connections: int = 100,
    of_one: int = 100,
    proxies: tuple[str, ...] = (),
    deadlines: Deadlines = PATIENT,
    certificate: KeyPair | None = None,
) -> AsyncIterator[tuple[Callable[..., Any], tuple[str, int]]]:
    """Serve; yields what opens a connection, from an address if one is named, and where to."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    server = HttpServer(
        application,
        certificate,
        connections=connections,
        of_one=of_one,
        proxies=[ipaddress.ip_network(each) for each in proxies],
        deadlines=deadlines,
        parser=_parser,
    )
    server.start([listener])
    try:
        async with AsyncExitStack() as opened:

            async def connect(source: str = "127.0.0.1") -> Streams:
                sock = socket.socket()
                sock.bind((source, 0))
                sock.connect(address)
                return await opened.enter_async_context(connected_by(sock))

            yield connect, address
    finally:
        await server.stop()


@asynccontextmanager
async def connected_by(sock: socket.socket) -> AsyncIterator[Streams]:
    reader, writer = await asyncio.open_connection(sock=sock)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def status(streams: Streams, data: bytes = GET) -> int:
    """Send a request, read its whole answer, and return the status."""
    reader, writer = streams
    writer.write(data)
    head = await reader.readuntil(b"\r\n\r\n")
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-len"))
    await reader.readexactly(int(length.split(b":")[1]))
    return int(head.split()[1])


async def write_until(done: asyncio.Future[Any], writer: asyncio.StreamWriter, data: bytes) -> None:
    """Write again and again: sending finds out that the other side is gone."""
    while not done.done():
        if not writer.transport.is_closing():  # uvloop refuses to write then, asyncio does not
            writer.write(data)
        await asyncio.wait({done}, timeout=0.02)


async def is_ended(streams: Streams) -> bool:
    """Read to the end, which comes or has come."""
    with suppress(ConnectionError):
        await streams[0].read()
    return True
