"""Runs many small tasks at once, but not too many."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
_LIMIT = 32


async def all_at_once(work: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Run all to their ends and return their results in order.

    If some fail, the first failure is raised after the others have ended, so that nothing goes on
    unwatched.
    """
    gate = asyncio.Semaphore(_LIMIT)

    async def gated(one: Coroutine[Any, Any, T]) -> T:
        async with gate:
            return await one

    results = await asyncio.gather(*(gated(one) for one in work), return_exceptions=True)
    done = []
    for result in results:
        if isinstance(result, BaseException):
            raise result
        done.append(result)
    return done
