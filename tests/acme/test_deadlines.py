"""A CA that takes requests and never answers again: how long a person waits to be told.

Time passes at once in these tests: the event loop's clock jumps to whatever comes next.
"""

from __future__ import annotations

import asyncio
import selectors
from datetime import UTC, datetime

import httpx2
import pytest

from tests.acme.fake_ca import FakeCa, url_of
from tests.acme.obtaining import NAMES, obtain
from zoneproof.acme import AccountKey, AcmeClient
from zoneproof.core.errors import AcmeConnectionError
from zoneproof.core.names import Identifier

BOUND = 61  # seconds: two requests and the pause between them


class _Selector(selectors.DefaultSelector):
    """Is never slept in: what the sleep would have been is added to ``now``."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everybody waits, and for ever"
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    """An event loop in which nothing but waiting takes time, and none of that."""

    def __init__(self) -> None:
        self.selector = _Selector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, object]]:
    return "asyncio", {"loop_factory": _Loop}


class SilentCa(FakeCa):
    """Answers until it is asked for the path that ``silent_from`` begins, and then nobody."""

    def __init__(self, silent_from: str) -> None:
        super().__init__()
        self.silent_from = silent_from
        self.silent_since: float | None = None

    async def handle(self, request: httpx2.Request) -> httpx2.Response:
        time = asyncio.get_running_loop().time()
        if self.silent_since is None and url_of(request).path.startswith(self.silent_from):
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
        transport=httpx2.MockTransport(ca.handle),
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
