"""Looks into the DNS that visitors ask for: whose waits for whose."""

from __future__ import annotations

import asyncio

import pytest

from zoneproof.challengepages.looks import Looks
from zoneproof.core.errors import DnsUnreachableError


class Slow:
    """Looks that end when they are told to; ``begun`` are those that have begun, in order."""

    def __init__(self, looks: Looks) -> None:
        self.begun: list[str] = []
        self._looks = looks
        self._ends: dict[str, asyncio.Event] = {}

    def begin(self, whose: str) -> asyncio.Task[str]:
        name = f"{whose}{len(self._ends)}"
        self._ends[name] = asyncio.Event()

        async def look() -> str:
            self.begun.append(name)
            await self._ends[name].wait()
            return name

        return asyncio.create_task(self._looks.take(whose, look))

    def end(self, name: str) -> None:
        self._ends[name].set()


async def rounds() -> None:
    """Let whoever can continue do so."""
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_tenant_has_one_look_at_a_time_and_all_together_few() -> None:
    slow = Slow(Looks(at_once=2, seconds=60))
    tasks = [slow.begin(whose) for whose in "aaabc"]
    await rounds()
    assert slow.begun == ["a0", "b3"]
    slow.end("b3")
    await rounds()
    assert slow.begun == ["a0", "b3", "c4"]
    slow.end("a0")
    await rounds()
    assert slow.begun == ["a0", "b3", "c4", "a1"]
    for name in ("a1", "a2", "c4"):
        slow.end(name)
    assert await asyncio.gather(*tasks) == ["a0", "a1", "a2", "b3", "c4"]


async def test_a_look_that_takes_long_ends_and_makes_room() -> None:
    slow = Slow(Looks(at_once=1, seconds=0.05))
    late = [slow.begin(whose) for whose in "aab"]
    ended = await asyncio.gather(*late, return_exceptions=True)
    assert {type(one) for one in ended} == {DnsUnreachableError}
    after = slow.begin("c")
    slow.end("c3")
    assert await after == "c3"


@pytest.mark.parametrize("whose", ["", "team"])
async def test_what_goes_wrong_comes_out(whose: str) -> None:
    async def look() -> None:
        raise DnsUnreachableError("no resolver")

    with pytest.raises(DnsUnreachableError, match="no resolver"):
        await Looks().take(whose, look)
