"""The API's connections: too many, too slow, of one client, and with TLS.

The server runs in the test's process, on an application that says what the test wants.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import socket
import ssl
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from tests.challengedns.http_connections import (
    GET,
    SHORT,
    STACKS,
    UNFINISHED,
    anyio_backend,
    app,
    is_ended,
    parser,
    serving,
    status,
    write_until,
)
from tests.support.challenge_service import open_for, write_config
from tests.support.self_signed import write_certificate
from zoneproof.challengedns.config import load_config
from zoneproof.serving.certificate import KeyPair
from zoneproof.serving.connection import Deadlines, HttpConnection
from zoneproof.serving.gathering import GatheringTransport
from zoneproof.serving.requests import read_body
from zoneproof.serving.responses import HttpError
from zoneproof.serving.server import HttpServer

__all__ = ["anyio_backend"]  # a fixture

TLS_CONNECTION = 200 * 1024  # bytes


# --- deadlines -----------------------------------------------------------------------------------


@pytest.mark.parametrize("begun", [b"", b"POST / HTTP/1.1\r\nX-Slow: ", GET + b"GET /"])
async def test_a_request_head_that_does_not_come_ends_the_connection(begun: bytes) -> None:
    async with serving(deadlines=Deadlines(head=SHORT, look=0.02)) as (connect, _):
        streams = await connect()
        streams[1].write(begun)
        closed = asyncio.ensure_future(is_ended(streams))
        await write_until(closed, streams[1], b"x" if begun else b"")


async def test_a_client_that_does_not_read_its_answer_is_ended() -> None:
    async with serving(deadlines=Deadlines(write=SHORT, look=0.02)) as (connect, _):
        _, writer = await connect()
        writer.transport.pause_reading()
        writer.write(GET.replace(b"/ ", b"/large ") * 20)
        ended = asyncio.ensure_future(writer.wait_closed())
        await write_until(ended, writer, b"x")
        assert isinstance(ended.exception(), ConnectionError)


async def test_a_client_that_reads_gets_all_however_much() -> None:
    async with serving(deadlines=Deadlines(write=10, look=0.02)) as (connect, _):
        streams = await connect()
        for _ in range(20):
            assert await status(streams, GET.replace(b"/ ", b"/large ")) == 200


async def test_an_answer_before_the_end_that_nobody_takes_ends_too() -> None:
    deadlines = Deadlines(write=60, close=SHORT, look=0.02)
    async with serving(deadlines=deadlines) as (connect, _):
        _, writer = await connect()
        writer.transport.pause_reading()
        writer.write(b"GET /large HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        ended = asyncio.ensure_future(writer.wait_closed())
        await write_until(ended, writer, b"x")
        assert isinstance(ended.exception(), ConnectionError)


class Recorded(asyncio.Transport):
    """A transport that keeps what is written, and that it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[bytes] = []

    def write(self, data: Any) -> None:
        self.events.append(data)

    def close(self) -> None:
        self.events.append(b"closed")

    def is_closing(self) -> bool:
        return b"closed" in self.events


async def test_what_an_answer_is_made_of_is_written_at_once_and_in_order() -> None:
    recorded = Recorded()
    transport = GatheringTransport(recorded, asyncio.get_running_loop())
    transport.write(b"head ")
    transport.write(b"body")
    assert recorded.events == []
    await asyncio.sleep(0)
    transport.write(b"the last")
    transport.close()
    transport.write(b"too late")
    await asyncio.sleep(0)
    assert recorded.events == [b"head body", b"the last", b"closed"]


class Reset(Recorded):
    """A transport whose client has reset the connection, which it has not noticed yet."""

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        raise OSError(errno.ENOTCONN, "not connected")


async def test_a_client_that_resets_the_connection_while_it_is_sending_is_let_go() -> None:
    reset = Reset()
    transport = GatheringTransport(reset, asyncio.get_running_loop(), lambda: True)
    transport.close()
    assert reset.events == [b"closed"]
    assert transport.is_closing()


async def test_of_a_long_answer_no_more_is_kept_than_is_written_at_once() -> None:
    recorded = Recorded()
    transport = GatheringTransport(recorded, asyncio.get_running_loop())
    for _ in range(10):
        transport.write(bytes(10_000))
    assert [len(each) for each in recorded.events] == [20_000] * 5


async def test_an_answer_that_was_just_made_is_sent_when_connections_begin_anew() -> None:
    async def reloading(scope: Scope, receive: Receive, send: Send) -> None:
        await app(scope, receive, send)
        # Before the turn in which it was made is over.
        server._connections.begin_anew(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))

    listener = socket.create_server(("127.0.0.1", 0))
    server = HttpServer(reloading, connections=10, of_one=10, parser=parser())
    server.start([listener])
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(GET)
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.transport.abort()
    await server.stop()


async def test_a_client_that_closes_its_sending_side_gets_its_answer() -> None:
    async with serving() as (connect, _):
        reader, writer = await connect()
        writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        writer.write_eof()
        assert (await reader.read()).endswith(b"/x 2")


async def test_a_body_that_does_not_come_is_408(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("zoneproof.serving.requests._BODY_SECONDS", SHORT)
    config = load_config(write_config(tmp_path))
    registrations = open_for(config)
    async with serving(registrations.app(config.api)) as (
        connect,
        _,
    ):
        reader, writer = await connect()
        writer.write(UNFINISHED.replace(b"/ ", b"/register "))
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert answer.endswith(b'{"error":"request_timeout"}')
    await registrations.close()


async def refusing(scope: Scope, receive: Receive, send: Send) -> None:
    """Refuse a body before it has come."""
    refusal = PlainTextResponse("refused", 413, headers={"Connection": "close"})
    await refusal(scope, receive, send)


LONG_BODY = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000\r\n\r\n"
PART = bytes(64 * 1024)


async def test_a_client_that_is_still_sending_reads_why_it_is_refused() -> None:
    async with serving(refusing) as (connect, _):
        reader, writer = await connect()
        writer.write(LONG_BODY)
        assert await reader.readline() == f"HTTP/1.1 413 {HTTPStatus(413).phrase}\r\n".encode()
        for _ in range(8):
            writer.write(PART)
            await writer.drain()
        assert (await reader.read()).endswith(b"refused")


async def test_a_client_that_sends_on_after_its_answer_is_ended() -> None:
    async with serving(refusing) as (connect, _):
        streams = await connect()
        streams[1].write(LONG_BODY)
        await streams[0].readuntil(b"refused")
        ended = asyncio.ensure_future(streams[1].wait_closed())
        await write_until(ended, streams[1], PART)
        assert isinstance(ended.exception(), ConnectionError)


async def test_a_client_that_keeps_the_connection_after_its_answer_is_ended() -> None:
    async with serving(refusing, deadlines=Deadlines(close=SHORT, look=0.02)) as (connect, _):
        reader, writer = await connect()
        writer.write(LONG_BODY)
        await reader.read()
        ended = asyncio.ensure_future(writer.wait_closed())
        await write_until(ended, writer, b"x")
        assert isinstance(ended.exception(), ConnectionError)


async def test_who_reads_a_body_twice_waits_no_longer_than_for_a_slow_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("zoneproof.serving.requests._BODY_SECONDS", SHORT)

    async def twice(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        said = [(await read_body(request)).decode()]
        try:
            await read_body(request)
        except HttpError as error:
            said.append(error.code)
        await PlainTextResponse(" ".join(said))(scope, receive, send)

    async with serving(twice) as (connect, _):
        reader, writer = await connect()
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
        writer.write_eof()
        assert (await reader.read()).endswith(b"{} request_timeout")


# --- too many ------------------------------------------------------------------------------------


@pytest.mark.parametrize("sent", [b"", b"GET", UNFINISHED, GET, GET.replace(b"/ ", b"/large ") * 9])
async def test_whoever_stalls_makes_room(sent: bytes) -> None:
    async with serving(connections=3) as (connect, _):
        for _ in range(9):
            _, writer = await connect()
            writer.transport.pause_reading()
            writer.write(sent)
        assert await status(await connect("127.0.0.9")) == 200


async def test_one_address_takes_no_more_than_its_share() -> None:
    async with serving(connections=100, of_one=3) as (connect, _):
        other = await connect("127.0.0.9")
        crowd = [await connect() for _ in range(4)]
        assert await is_ended(crowd[0])
        for streams in (*crowd[1:], other):
            assert await status(streams) == 200


async def test_a_proxy_that_is_trusted_may_have_all_connections() -> None:
    async with serving(of_one=2, proxies=("127.0.0.0/29",)) as (connect, _):
        for streams in [await connect() for _ in range(9)]:
            assert await status(streams) == 200


async def test_a_request_that_is_being_answered_does_not_make_room() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/slow":
            begun.set()
            await go_on.wait()
        await Response()(scope, receive, send)

    async with serving(slow, connections=2) as (connect, _):
        streams = await connect()
        answered = asyncio.create_task(status(streams, GET.replace(b"/ ", b"/slow ")))
        await begun.wait()
        for number in range(5):
            assert await status(await connect(f"127.0.0.{10 + number}")) == 200
        go_on.set()
        assert await answered == 200


# --- TLS -----------------------------------------------------------------------------------------

# A server with TLS does not run on uvloop.
with_tls = pytest.mark.parametrize(
    "anyio_backend",
    [name for name, (use_uvloop, _) in STACKS.items() if not use_uvloop],
    indirect=True,
)


@pytest.fixture
def pair(tmp_path: Path) -> KeyPair:
    write_certificate(tmp_path, "localhost")
    return KeyPair(tmp_path / "cert.pem", tmp_path / "key.pem")


async def get_by_tls(pair: KeyPair, address: tuple[str, int]) -> int:
    context = ssl.create_default_context(cafile=str(pair.certificate))
    reader, writer = await asyncio.open_connection(
        *address, ssl=context, server_hostname="localhost"
    )
    try:
        return await status((reader, writer))
    finally:
        writer.transport.abort()


@with_tls
@pytest.mark.parametrize("sent", [b"", b"\x16\x03\x01\x40\x00", b"GET / HTTP/1.1\r\n\r\n"])
async def test_handshakes_count_from_accept_and_have_a_deadline(pair: KeyPair, sent: bytes) -> None:
    deadlines = Deadlines(handshake=SHORT, look=0.02)
    async with serving(certificate=pair, connections=3, deadlines=deadlines) as (connect, address):
        crowd = [await connect() for _ in range(9)]
        for _, writer in crowd:
            writer.write(sent)
        assert await get_by_tls(pair, address) == 200
        for streams in crowd:
            assert await is_ended(streams)
        assert await get_by_tls(pair, address) == 200


@with_tls
async def test_a_client_that_is_still_sending_by_tls_reads_why_it_is_refused(pair: KeyPair) -> None:
    context = ssl.create_default_context(cafile=str(pair.certificate))
    async with serving(refusing, certificate=pair) as (_, address):
        reader, writer = await asyncio.open_connection(
            *address, ssl=context, server_hostname="localhost"
        )
        writer.write(LONG_BODY + PART * 4)
        await writer.drain()
        assert (await reader.readuntil(b"refused")).startswith(b"HTTP/1.1 413 ")
        writer.write(PART)
        await writer.drain()
        writer.transport.abort()


@with_tls
async def test_a_request_that_comes_with_the_end_of_the_handshake_is_answered(
    pair: KeyPair,
) -> None:
    async with serving(certificate=pair) as (connect, _):
        reader, writer = await connect()
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=str(pair.certificate))
        tls = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                writer.write(outgoing.read())
                incoming.write(await reader.read(65536))
        tls.write(GET)
        writer.write(outgoing.read())  # the client's Finished and its request at once
        answer = b""
        while b"\r\n\r\n" not in answer:
            try:
                answer += tls.read(65536)
            except ssl.SSLWantReadError:
                incoming.write(await reader.read(65536))
        assert answer.startswith(b"HTTP/1.1 200 ")


@with_tls
async def test_a_silent_tls_connection_takes_little_memory(pair: KeyPair) -> None:
    async with serving(certificate=pair) as (connect, address):
        assert await get_by_tls(pair, address) == 200
        before = resident()
        for _ in range(80):
            await connect()
        assert await get_by_tls(pair, address) == 200
        assert resident() - before < 80 * TLS_CONNECTION


def resident() -> int:
    """Return the bytes of memory that this process holds."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


async def test_connections_that_were_reset_are_not_kept_until_their_timers_fire() -> None:
    async with serving() as (connect, _):
        for _ in range(20):
            reader, writer = await connect()
            assert await status((reader, writer)) == 200
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, *bytes(7)]))
            writer.transport.abort()
        assert await status(await connect()) == 200
        gc.collect()
        left = [found for found in gc.get_objects() if isinstance(found, HttpConnection)]
        assert len(left) < 10
