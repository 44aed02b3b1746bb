"""Concurrency: many tasks at once with a bound, one lock for each key, what ends with its use."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Hashable, Iterable
from contextlib import asynccontextmanager, suppress
from typing import Any, Generic, Self, TypeVar
from weakref import WeakValueDictionary

from zoneproof.core.errors import ungrouped

T = TypeVar("T")


class Closing(ABC):
    """Something with connections, which ``async with`` closes."""

    @abstractmethod
    async def close(self) -> None:
        """Close all connections."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


async def settle(work: Iterable[Coroutine[Any, Any, T]], most: int = 32) -> list[T | BaseException]:
    """Run all to their ends, ``most`` at the same time; return results and failures in order."""
    gate = asyncio.Semaphore(most)

    async def gated(one: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await one

    coroutines = list(work)
    try:
        return await asyncio.gather(*map(gated, coroutines), return_exceptions=True)
    finally:
        for one in coroutines:
            one.close()  # which a cancellation may have kept from beginning


async def all_at_once(work: Iterable[Coroutine[Any, Any, T]], most: int = 32) -> list[T]:
    """Run all as :func:`settle` does, and return their results in order.

    If some fail, the first failure is raised after the others have ended, so that nothing continues
    unwatched.
    """
    done = []
    for result in await settle(work, most):
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done


async def in_thread(call: Callable[..., T], *arguments: object) -> T:
    """Return what a call in a thread returns.

    A thread cannot be stopped: whoever is cancelled meanwhile is so once it has ended, and what
    belongs to it may be released then.
    """
    working = asyncio.create_task(asyncio.to_thread(call, *arguments))
    try:
        return await asyncio.shield(working)
    finally:
        await asyncio.wait([working])


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


async def all_of(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results in order. The first failure cancels the rest and is raised."""
    with ungrouped():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


class SharedCall(Generic[T]):
    """A call whose outcome, be it a failure, all share who ask for it while it runs.

    So what does not answer is asked once for all of them, and not once for each in turn. A call
    that nobody waits for is cancelled.
    """

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None
        self._waiting = 0

    async def __call__(self, call: Coroutine[Any, Any, T]) -> T:
        """Return the result of ``call``, or of the one that runs already."""
        if self._task is None or self._task.done():
            self._task, self._waiting = asyncio.ensure_future(call), 0
        else:
            call.close()
        task = self._task
        self._waiting += 1
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if self._waiting == 1 and not task.done():
                task.cancel()
                with suppress(asyncio.CancelledError, Exception):
                    await task
            raise
        finally:
            if task is self._task:
                self._waiting -= 1


class KeyedLocks:
    """Hands out the lock of a key; a lock that nobody holds or awaits is forgotten.

    Use as ``async with locks(key):``.
    """

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()

    def __call__(self, key: Hashable) -> asyncio.Lock:
        """Return the lock of ``key``."""
        return self._locks.setdefault(key, asyncio.Lock())
