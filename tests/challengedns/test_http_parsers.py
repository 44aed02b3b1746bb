"""What two HTTP servers might read differently, by each parser of the API.

The server runs in the test's process, on an application that says what the test wants.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from tests.challengedns.http_connections import GET, anyio_backend, is_ended, serving, status

__all__ = ["anyio_backend"]  # a fixture


@pytest.mark.parametrize(
    "head",
    [
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n",
    ],
)
async def test_content_length_with_chunked_is_refused_and_closed(head: bytes) -> None:
    async with serving() as (connect, _):
        reader, writer = await connect()
        writer.write(head + b"0\r\n\r\n" + GET)
        answer = await reader.read()
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("before", [b"", GET * 3])
async def test_a_head_that_comes_whole_is_not_longer_than_one_in_pieces(before: bytes) -> None:
    async with serving() as (connect, _):
        fits = b"GET / HTTP/1.1\r\nHost: x\r\nX-Long: " + b"y" * 16_000 + b"\r\n\r\n"
        assert await status(await connect(), fits) == 200
        for long in (
            fits.replace(b"y" * 16_000, b"y" * 20_000),
            b"GET /" + b"y" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
            b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-Y: z\r\n" * 3_000 + b"\r\n",
        ):
            reader, writer = await connect()
            writer.write(before + long)
            answer = await reader.read()
            assert answer.endswith(b'{"error":"malformed_http_request"}')
            assert answer.count(b" 200 OK") == before.count(b"GET")


async def test_a_body_that_is_malformed_after_its_answer_ends_the_connection() -> None:
    async def hasty(scope: Scope, receive: Receive, send: Send) -> None:
        await Response()(scope, receive, send)

    async with serving(hasty) as (connect, _):
        streams = await connect()
        chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        assert await status(streams, chunked) == 200
        streams[1].write(b"not a chunk\r\n")
        assert await is_ended(streams)


@pytest.mark.parametrize("hosts", [b"", b"Host: x\r\nHost: y\r\n"])
async def test_a_request_is_for_one_host(hosts: bytes) -> None:
    async with serving() as (connect, _):
        reader, writer = await connect()
        writer.write(b"GET / HTTP/1.1\r\n" + hosts + b"\r\n")
        assert (await reader.read()).startswith(b"HTTP/1.1 400 ")


async def test_a_body_comes_also_with_the_wish_for_another_protocol() -> None:
    upgrade = b"Host: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
    post = b"POST /x HTTP/1.1\r\n" + upgrade + b"Content-Length: 1500\r\n\r\n" + b"y" * 1500
    async with serving() as (connect, _):
        reader, writer = await connect()
        writer.write(post + post + GET.replace(b" HTTP/1.1", b"z HTTP/1.1"))
        for expected in (b"/x 1500", b"/x 1500", b"/z 0"):
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(len(expected)) == expected


async def test_long_bodies_that_come_at_once_are_answered_in_turn() -> None:
    post = b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n" + b"y" * 9000
    async with serving() as (connect, _):
        reader, writer = await connect()
        writer.write(post * 20 + b"POST / HTTP/1.1\r\nBroken\r\n\r\n")
        answers = await reader.read()
        assert answers.count(b"/x 9000") == 20
        assert answers.endswith(b'{"error":"malformed_http_request"}')


async def test_what_follows_a_body_in_chunks_is_not_a_header() -> None:
    async def naming(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        await request.body()
        await PlainTextResponse(request.headers.get("x-late", "none"))(scope, receive, send)

    chunks = b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-Late: 1\r\n\r\n"
    async with serving(naming) as (connect, _):
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + chunks)
        assert (await reader.read()).endswith(b"none")


@pytest.mark.parametrize("endless", [b"2;", b"0\r\nX-Late: "])
async def test_what_is_no_body_has_an_end(endless: bytes) -> None:
    chunked = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with serving() as (connect, _):
        streams = await connect()
        streams[1].write(chunked + endless + b"y" * 40_000)
        assert await is_ended(streams)


@pytest.mark.parametrize("broken", [b"GARBAGE\r\n\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n"])
async def test_what_came_before_something_malformed_is_answered_first(broken: bytes) -> None:
    chunked = broken + b"Transfer-Encoding: chunked\r\n\r\nnot a chunk\r\n"
    async with serving() as (connect, _):
        reader, writer = await connect()
        writer.write(GET * 3 + chunked)
        answers = (await reader.read()).split(b"HTTP/1.1 ")[1:]
        assert [answer.split()[0] for answer in answers] == [b"200"] * 3 + [b"400"]


async def test_whoever_asks_much_at_once_is_listened_to_no_faster_than_answered() -> None:
    async def thoughtful(scope: Scope, receive: Receive, send: Send) -> None:
        await Request(scope, receive).body()
        await asyncio.sleep(0.001)
        await PlainTextResponse("x")(scope, receive, send)

    async with serving(thoughtful) as (_, address):
        with socket.socket() as sock:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 64 * 1024)
            sock.connect(address)
            sock.setblocking(False)
            sent = answered = 0
            while answered < 100:
                await asyncio.sleep(0.001)
                with suppress(BlockingIOError):
                    sent += sock.send(GET * 10_000)
                with suppress(BlockingIOError):
                    answered += sock.recv(65_536).count(b" 200 OK")
            assert sent < 1_000_000
