"""Runs many small tasks at once, but not too many; those that only wait count little."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

T = TypeVar("T")


async def all_at_once(work: Iterable[Coroutine[Any, Any, T]], most: int = 32) -> list[T]:
    """Run all to their ends, ``most`` at the same time, and return their results in order.

    If some fail, the first failure is raised after the others have ended, so that nothing goes on
    unwatched.
    """
    gate = asyncio.Semaphore(most)

    async def gated(one: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await one

    coroutines = list(work)
    try:
        results = await asyncio.gather(*map(gated, coroutines), return_exceptions=True)
    finally:
        for one in coroutines:
            one.close()  # which a cancellation may have kept from beginning
    done = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done


class Slots:
    """Lets ``most`` tasks work at the same time. One that waits gives its slot to another.

    Those that have waited come before those that have yet to begin, so that what is begun ends.
    """

    def __init__(self, most: int) -> None:
        self._free = most
        self._back: deque[asyncio.Future[None]] = deque()
        self._new: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """Hold a slot."""
        await self._take(self._new)
        try:
            yield
        finally:
            self._give()

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Give the slot that is held away, and hold one again afterwards."""
        self._give()
        try:
            yield
        finally:
            try:
                await self._take(self._back)
            except asyncio.CancelledError:
                self._free -= 1  # work() is about to give one back
                raise

    async def _take(self, queue: deque[asyncio.Future[None]]) -> None:
        if self._free > 0:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.cancelled():
                self._give()
            raise

    def _give(self) -> None:
        self._free += 1
        for queue in (self._back, self._new):
            while queue and self._free > 0:
                turn = queue.popleft()
                if not turn.done():
                    self._free -= 1
                    turn.set_result(None)
