"""DNS by TCP: several questions on a connection, and connections that are silent or too many."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import dns.message
import pytest

from tests.challengedns.world import connected, make_responder, sample, texts, txt
from zoneproof.challengedns.dns.answers import Responder
from zoneproof.challengedns.dns.tcp import TcpServer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Responder, str]:
    config, fulldomain = asyncio.run(sample(tmp_path_factory.mktemp("tcp")))
    return make_responder(config), fulldomain


@asynccontextmanager
async def serving(
    responder: Responder, *, max_connections: int = 10, idle_timeout: float = 30.0
) -> AsyncIterator[Callable[[], Awaitable[Streams]]]:
    """Serve; yields what opens a connection."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = listener.getsockname()
    stop = asyncio.Event()
    server = TcpServer(
        [listener], responder, max_connections=max_connections, idle_timeout=idle_timeout
    )
    running = asyncio.create_task(server.run(stop))
    async with AsyncExitStack() as opened:
        try:
            yield lambda: opened.enter_async_context(connected(*address))
        finally:
            stop.set()
            await running


def framed(name: str) -> bytes:
    packet = dns.message.make_query(name, "TXT").to_wire()
    return len(packet).to_bytes(2, "big") + packet


async def read(reader: asyncio.StreamReader) -> dns.message.Message:
    length = int.from_bytes(await reader.readexactly(2), "big")
    return dns.message.from_wire(await reader.readexactly(length))


async def test_many_questions_at_once_get_their_answers_in_order(
    world: tuple[Responder, str],
) -> None:
    responder, fulldomain = world
    async with serving(responder) as connect:
        reader, writer = await connect()
        writer.write((framed(fulldomain) + framed("nope.auth.example.org")) * 50)
        for _ in range(50):
            assert texts(await read(reader)) == [txt("a"), txt("b")]
            assert not (await read(reader)).answer


async def test_a_question_may_come_in_pieces(world: tuple[Responder, str]) -> None:
    responder, fulldomain = world
    async with serving(responder) as connect:
        reader, writer = await connect()
        for byte in framed(fulldomain):
            writer.write(bytes([byte]))
            await writer.drain()
        assert texts(await read(reader)) == [txt("a"), txt("b")]


async def test_what_is_no_question_gets_no_answer_and_the_next_one_does(
    world: tuple[Responder, str],
) -> None:
    responder, fulldomain = world
    async with serving(responder) as connect:
        reader, writer = await connect()
        writer.write(b"\0\0" + b"\0\5short" + framed(fulldomain))
        assert texts(await read(reader)) == [txt("a"), txt("b")]


async def test_a_silent_connection_is_closed(world: tuple[Responder, str]) -> None:
    responder, fulldomain = world
    async with serving(responder, idle_timeout=0.1) as connect:
        reader, writer = await connect()
        writer.write(framed(fulldomain))
        await read(reader)
        assert await reader.read() == b""


async def test_bytes_that_are_no_whole_question_do_not_keep_a_connection_open(
    world: tuple[Responder, str],
) -> None:
    async with serving(world[0], idle_timeout=0.1) as connect:
        reader, writer = await connect()
        closed = asyncio.create_task(reader.read())
        writer.write(b"\xff\xff")
        while not closed.done():
            writer.write(b"x")
            await asyncio.wait({closed}, timeout=0.02)
        assert closed.exception() is None or isinstance(closed.exception(), ConnectionError)


async def test_of_too_many_connections_the_most_silent_one_is_closed(
    world: tuple[Responder, str],
) -> None:
    responder, fulldomain = world
    async with serving(responder, max_connections=2) as connect:
        first, first_writer = await connect()
        second, _ = await connect()
        first_writer.write(framed(fulldomain))
        await read(first)
        third, third_writer = await connect()
        assert await second.read() == b""
        for reader, writer in ((first, first_writer), (third, third_writer)):
            writer.write(framed(fulldomain))
            assert texts(await read(reader)) == [txt("a"), txt("b")]


async def test_a_client_that_reads_no_answers_is_not_listened_to_for_ever(tmp_path: Path) -> None:
    config, fulldomain = await sample(tmp_path, values=16)
    async with serving(make_responder(config)) as connect:
        _, writer = await connect()
        writer.transport.set_write_buffer_limits(high=0)

        async def ask_on() -> None:
            while True:
                writer.write(framed(fulldomain) * 1000)
                await writer.drain()

        with pytest.raises(TimeoutError):
            await asyncio.wait_for(ask_on(), 0.5)
