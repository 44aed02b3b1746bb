"""A CA that takes requests and never answers again: how long a person waits to be told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import httpx2
import pytest

from tests.acme.fake_ca import FakeCa
from tests.acme.obtaining import NAMES, obtain
from tests.support.answering import answered_by
from tests.support.timeless import anyio_backend
from zoneproof.acme import AccountKey, AcmeClient
from zoneproof.core.errors import AcmeConnectionError
from zoneproof.core.names import Identifier

__all__ = ["anyio_backend"]  # a fixture

BOUND = 61  # seconds: two requests and the pause between them


class SilentCa(FakeCa):
    """Answers until it is asked for the path that ``silent_from`` begins, and then nobody."""

    def __init__(self, silent_from: str) -> None:
        super().__init__()
        self.silent_from = silent_from
        self.silent_since: float | None = None

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        time = asyncio.get_running_loop().time()
        if self.silent_since is None and request.url.path.startswith(self.silent_from):
            self.silent_since = time
        if self.silent_since is not None:
            await asyncio.Event().wait()
        return await super().handle(request)


async def seconds_until_told(ca: SilentCa, names: list[Identifier]) -> float:
    loop = asyncio.get_running_loop()
    client = AcmeClient(
        ca.directory_url,
        AccountKey.generate(),
        now=lambda: datetime.fromtimestamp(loop.time(), UTC),
        connect=answered_by(ca.handle),
    )
    async with client:
        ca.take_account(client)
        with pytest.raises(AcmeConnectionError, match=r"no answer within 30 seconds; try again"):
            await obtain(client, names)
    assert ca.silent_since is not None
    return loop.time() - ca.silent_since


@pytest.mark.parametrize(
    "path",
    ["/dir", "/nonce", "/new-order", "/authz", "/chall", "/order", "/finalize", "/cert"],
)
async def test_a_silent_ca_is_given_up_within_a_minute(path: str) -> None:
    assert 30 < await seconds_until_told(SilentCa(path), NAMES) <= BOUND


@pytest.mark.parametrize("path", ["/authz", "/chall"])
async def test_a_hundred_names_do_not_wait_for_one_another(path: str) -> None:
    names = [Identifier.parse(f"h{number}.example.com") for number in range(100)]
    assert await seconds_until_told(SilentCa(path), names) <= BOUND


class Drip(httpx2.AsyncByteStream):
    """A body that never ends, and of which each byte comes just in time."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            await asyncio.sleep(1)
            yield b" "


class DrippingCa(SilentCa):
    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        if self.silent_since is None:
            self.silent_since = asyncio.get_running_loop().time()
        return httpx2.Response(200, stream=Drip())


async def test_a_ca_that_never_ends_its_answer_is_given_up_too() -> None:
    assert 30 < await seconds_until_told(DrippingCa("/dir"), NAMES) <= BOUND
