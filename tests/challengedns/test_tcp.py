"""DNS by TCP: several questions on a connection, and connections that are silent or too many."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path

import dns.message
import pytest

from tests.support.challenge_service import connected, make_responder, sample, texts, txt
from zoneproof.challengedns.config import Config
from zoneproof.challengedns.dns import tcp
from zoneproof.challengedns.dns.tcp import TcpServer

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
World = tuple[Config, str]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return asyncio.run(sample(tmp_path_factory.mktemp("tcp")))


@contextmanager
def running(
    config: Config,
    *,
    max_connections: int = 10,
    max_of_one: int | None = None,
    idle_timeout: float = 30.0,
) -> Iterator[tuple[str, int]]:
    """Serve from a thread; yields the address."""
    listener = socket.create_server(("127.0.0.1", 0))
    responder = make_responder(config)
    server = TcpServer(
        [listener],
        responder,
        max_connections=max_connections,
        max_of_one=max_of_one or max_connections,
        idle_timeout=idle_timeout,
    )

    def serve() -> None:
        server.run()
        responder._table._reader.close()  # where it was opened

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.stop()
        thread.join()
        listener.close()


@asynccontextmanager
async def serving(
    config: Config,
    *,
    max_connections: int = 10,
    max_of_one: int | None = None,
    idle_timeout: float = 30.0,
) -> AsyncIterator[Callable[[], Awaitable[Streams]]]:
    """Serve; yields what opens a connection."""
    with running(
        config,
        max_connections=max_connections,
        max_of_one=max_of_one,
        idle_timeout=idle_timeout,
    ) as address:
        async with AsyncExitStack() as opened:
            yield lambda: opened.enter_async_context(connected(*address))


def framed(name: str) -> bytes:
    packet = dns.message.make_query(name, "TXT").to_wire()
    return len(packet).to_bytes(2, "big") + packet


async def read(reader: asyncio.StreamReader) -> dns.message.Message:
    length = int.from_bytes(await reader.readexactly(2), "big")
    return dns.message.from_wire(await reader.readexactly(length))


async def test_many_questions_at_once_get_their_answers_in_order(
    world: World,
) -> None:
    config, fulldomain = world
    async with serving(config) as connect:
        reader, writer = await connect()
        writer.write((framed(fulldomain) + framed("nope.auth.example.org")) * 50)
        for _ in range(50):
            assert texts(await read(reader)) == [txt("a"), txt("b")]
            assert not (await read(reader)).answer


async def test_a_question_may_come_in_pieces(world: World) -> None:
    config, fulldomain = world
    async with serving(config) as connect:
        reader, writer = await connect()
        for byte in framed(fulldomain):
            writer.write(bytes([byte]))
            await writer.drain()
        assert texts(await read(reader)) == [txt("a"), txt("b")]


async def test_what_is_no_question_gets_no_answer_and_the_next_one_does(
    world: World,
) -> None:
    config, fulldomain = world
    async with serving(config) as connect:
        reader, writer = await connect()
        writer.write(b"\0\0" + b"\0\5short" + framed(fulldomain))
        assert texts(await read(reader)) == [txt("a"), txt("b")]


async def test_a_silent_connection_is_closed(world: World) -> None:
    config, fulldomain = world
    async with serving(config, idle_timeout=0.1) as connect:
        reader, writer = await connect()
        writer.write(framed(fulldomain))
        await read(reader)
        assert await reader.read() == b""


async def test_bytes_that_are_no_whole_question_do_not_keep_a_connection_open(
    world: World,
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
    world: World,
) -> None:
    config, fulldomain = world
    async with serving(config, max_connections=2) as connect:
        first, first_writer = await connect()
        second, second_writer = await connect()
        for reader, writer in ((second, second_writer), (first, first_writer)):
            writer.write(framed(fulldomain))
            await read(reader)
        third, third_writer = await connect()
        assert await second.read() == b""
        for reader, writer in ((first, first_writer), (third, third_writer)):
            writer.write(framed(fulldomain))
            assert texts(await read(reader)) == [txt("a"), txt("b")]


async def test_who_comes_is_let_in_by_whoever_has_most_connections(world: World) -> None:
    config, fulldomain = world
    with running(config, max_connections=3) as address:
        single = socket.create_connection(address, source_address=("127.0.0.9", 0))
        crowd = [socket.create_connection(address, timeout=10) for _ in range(2)]
        for sock in (*crowd, single):  # so that the single one has been of use before the last one
            sock.sendall(framed(fulldomain))
            assert sock.recv(4096)
        another = socket.create_connection(address, source_address=("127.0.0.8", 0))
        assert crowd[0].recv(4096) == b""
        for sock in (single, another, crowd[1]):
            sock.sendall(framed(fulldomain))
            assert sock.recv(4096)
        for sock in (single, another, *crowd):
            sock.close()


async def test_of_too_many_connections_of_one_address_its_most_silent_one_is_closed(
    world: World,
) -> None:
    config, fulldomain = world
    with running(config, max_of_one=2) as address:
        other = socket.create_connection(address, source_address=("127.0.0.9", 0))
        crowd = [socket.create_connection(address, timeout=10) for _ in range(3)]
        assert crowd[0].recv(4096) == b""
        for sock in (*crowd[1:], other):
            sock.sendall(framed(fulldomain))
            assert sock.recv(4096)
        for sock in (*crowd, other):
            sock.close()


async def test_a_question_longer_than_any_that_can_be_answered_ends_the_connection(
    world: World,
) -> None:
    config, fulldomain = world
    async with serving(config) as connect:
        reader, writer = await connect()
        writer.write(framed(fulldomain))
        assert texts(await read(reader)) == [txt("a"), txt("b")]
        writer.write((4097).to_bytes(2, "big"))
        assert await reader.read() == b""


def test_a_client_that_reads_no_answers_is_not_listened_to_and_closed(tmp_path: Path) -> None:
    config, fulldomain = asyncio.run(sample(tmp_path, values=16))
    with running(config, idle_timeout=0.5) as address:
        connecting = socket.create_connection(address, timeout=10)
        with connecting as sock, pytest.raises(ConnectionError):
            sock.sendall(framed(fulldomain) * 1_000_000)
        with socket.create_connection(address, timeout=10) as sock:
            sock.sendall(framed(fulldomain))
            assert sock.recv(4096)


def test_whoever_asks_one_question_does_not_wait_for_those_who_ask_thousands(world: World) -> None:
    config, fulldomain = world
    question, count = framed(fulldomain), 20_000
    with running(config) as address, socket.create_connection(address, timeout=10) as greedy:
        answers = bytearray()
        order = []

        def read_on() -> None:
            while data := greedy.recv(1 << 20):
                answers.extend(data)
            order.append("greedy")

        reading = threading.Thread(target=read_on)
        reading.start()
        asking = threading.Thread(target=lambda: greedy.sendall(question * count))
        asking.start()
        while not answers:
            pass
        with socket.create_connection(address, timeout=10) as modest:
            modest.sendall(question)
            answer = modest.recv(4096)
            order.append("modest")
        asking.join()
        greedy.shutdown(socket.SHUT_WR)
        reading.join()
        assert order == ["modest", "greedy"]
        assert bytes(answers) == answer * count


def test_connections_leave_no_garbage_since_workers_collect_none(world: World) -> None:
    config, fulldomain = world
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        with running(config, max_connections=5) as address:
            for number in range(50):
                sock = socket.create_connection(address, timeout=10)
                sock.sendall(framed(fulldomain))
                if number % 3:
                    assert sock.recv(4096)
                if number % 2:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes([1, *bytes(7)]))
                sock.close()
        gc.collect()
        left = [found for found in gc.garbage if type(found).__module__ == tcp.__name__]
        assert not left
        assert not [found for found in gc.garbage if isinstance(found, socket.socket)]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
