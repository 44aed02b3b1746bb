"""A provider that is slow: cert-manager gives up waiting, and asks again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certmanager.cert_manager import Challenge
from tests.certmanager.cluster import World, world
from tests.providers.harness import challenge_value

NOT_DONE = "not done within 0.2 s, and continues"


class SlowProvider:
    """A server of lego's httpreq protocol that answers each request when it is told to."""

    def __init__(self) -> None:
        self.url = ""
        self.paths: list[str] = []
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.paths.append(head.split(b" ", 2)[1].decode())
        self.asked.set()
        await self.may_answer.wait()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[SlowProvider]:
        server = await asyncio.start_server(self.accept, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            self.may_answer.set()
            server.close()

    def challenge(self) -> Challenge:
        """Return a challenge whose value goes here, and for which nobody waits until DNS has it."""
        fields = {"server": self.url}
        return Challenge(
            {
                "provider": "httpreq",
                "fields": fields,
                "zone": "example.com",
                "followCname": False,
                "propagation": 0,
            },
            key=challenge_value(),
        )


@pytest.fixture
async def slow() -> AsyncIterator[SlowProvider]:
    async with SlowProvider().running() as made:
        yield made


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path, answer_within=0.2) as made:
        yield made


async def test_what_is_begun_goes_on_and_whoever_asks_again_joins(
    here: World, slow: SlowProvider
) -> None:
    challenge = slow.challenge()
    assert NOT_DONE in await here.proxy.present(challenge)
    assert NOT_DONE in await here.proxy.present(challenge)
    slow.may_answer.set()
    while (problem := await here.proxy.present(challenge)) != "":
        assert NOT_DONE in problem  # on a busy machine
    assert slow.paths == ["/present"]


async def test_clean_up_comes_after_what_is_being_published(
    here: World, slow: SlowProvider
) -> None:
    challenge = slow.challenge()
    assert NOT_DONE in await here.proxy.present(challenge)
    await slow.asked.wait()
    assert NOT_DONE in await here.proxy.clean_up(challenge)
    assert slow.paths == ["/present"]
    slow.may_answer.set()
    while (problem := await here.proxy.clean_up(challenge)) != "":
        assert NOT_DONE in problem
    assert slow.paths == ["/present", "/cleanup"]


async def test_a_webhook_that_stops_ends_what_it_has_begun(
    slow: SlowProvider, tmp_path: Path
) -> None:
    async with world(tmp_path, answer_within=0.2) as here:
        assert NOT_DONE in await here.proxy.present(slow.challenge())
        await slow.asked.wait()
    assert slow.paths == ["/present"]
