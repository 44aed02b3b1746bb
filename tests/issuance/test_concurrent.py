"""Many small tasks at once: all end, the first failure is told, and none is forgotten."""

from __future__ import annotations

import asyncio
import gc
import threading

import pytest

from zoneproof.core.aio import Slots, all_at_once, in_thread


async def test_no_more_run_at_once_than_may() -> None:
    running, most = 0, 0

    async def one(number: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return number

    assert await all_at_once(map(one, range(9)), 3) == list(range(9))
    assert most == 3


async def test_a_failure_is_raised_after_the_others_have_ended() -> None:
    ended = []

    async def one(number: int) -> None:
        await asyncio.sleep(0)
        if number == 0:
            raise ValueError("the first one")
        await asyncio.sleep(0)
        ended.append(number)

    with pytest.raises(ValueError, match="the first one"):
        await all_at_once(map(one, range(5)), 2)
    assert ended == [1, 2, 3, 4]


async def test_a_cancellation_leaves_no_task_that_was_never_begun() -> None:
    begun = asyncio.Event()

    async def one() -> None:
        begun.set()
        await asyncio.Event().wait()

    everything = asyncio.create_task(all_at_once([one(), one(), one()], 1))
    await begun.wait()
    everything.cancel()
    with pytest.raises(asyncio.CancelledError):
        await everything
    gc.collect()  # what was never awaited would warn here, which fails the test


async def test_who_waits_gives_the_slot_away_and_comes_back_before_who_has_not_begun() -> None:
    slots, shown, told = Slots(1), asyncio.Event(), []

    async def waits() -> None:
        async with slots.work():
            told.append("begins to wait")
            async with slots.waiting():
                await shown.wait()
            told.append("comes back")

    async def works(name: str) -> None:
        async with slots.work():
            told.append(name)
            shown.set()
            await asyncio.sleep(0)
            await asyncio.sleep(0)

    await all_at_once([waits(), works("first"), works("second")])
    assert told == ["begins to wait", "first", "comes back", "second"]


@pytest.mark.parametrize("moment", range(12))
async def test_no_slot_is_lost_or_doubled_whenever_a_task_is_cancelled(moment: int) -> None:
    slots, working, most = Slots(2), 0, 0

    async def one() -> None:
        nonlocal working, most
        async with slots.work():
            for _ in range(2):
                working += 1
                most = max(most, working)
                try:
                    await asyncio.sleep(0)
                finally:
                    working -= 1
                async with slots.waiting():
                    await asyncio.sleep(0)

    tasks = [asyncio.create_task(one()) for _ in range(5)]
    for _ in range(moment):
        await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    await all_at_once(one() for _ in range(6))
    assert most == 2


async def test_who_is_cancelled_waits_for_the_end_of_the_thread() -> None:
    begun, may_end, ended = threading.Event(), threading.Event(), []

    def call(number: int) -> int:
        begun.set()
        may_end.wait(30)
        ended.append(number)
        return number

    waiting = asyncio.create_task(in_thread(call, 1))
    assert await asyncio.to_thread(begun.wait, 30)
    waiting.cancel()
    for _ in range(10):
        await asyncio.sleep(0)
    assert not waiting.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert ended == [1]
    assert await in_thread(call, 2) == 2
