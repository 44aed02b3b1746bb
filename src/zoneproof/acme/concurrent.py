"""Waits for several requests at once, and lets several wait for one."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextlib import suppress
from typing import Any, Generic, TypeVar

from zoneproof.errors import ungrouped

T = TypeVar("T")


async def all_of(calls: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results in order. The first failure cancels the rest and is raised."""
    with ungrouped():
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(call) for call in calls]
    return [task.result() for task in tasks]


class SharedCall(Generic[T]):
    """A call whose outcome, be it a failure, all share who ask for it while it runs.

    So what does not answer is asked once for all of them, and not once for each in turn. A call
    that nobody waits for any more is cancelled.
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
