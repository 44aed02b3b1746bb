"""Runs many small tasks at once, but not too many."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
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
