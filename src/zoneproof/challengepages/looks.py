"""Looks into the DNS at names that visitors choose: few at once, and none for long.

Whoever owns a domain chooses how many name servers are asked for it, and how long these keep one
waiting. So a tenant has one look at a time, and nobody's looks take the time and the open files
that the service needs for everybody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import DnsUnreachableError

T = TypeVar("T")

_AT_ONCE = 4
_SECONDS = 15.0


class Looks:
    """Lets ``at_once`` look at the same time, each within ``seconds``, those of one in turn."""

    def __init__(self, at_once: int = _AT_ONCE, seconds: float = _SECONDS) -> None:
        self._all = asyncio.Semaphore(at_once)
        self._own = KeyedLocks()
        self._seconds = seconds

    async def take(self, whose: str, look: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Return what a look of somebody's finds. Raises DnsUnreachableError if it takes long."""
        try:
            async with asyncio.timeout(self._seconds), self._own(whose), self._all:
                return await look()
        except TimeoutError as error:
            raise DnsUnreachableError(
                f"the DNS did not answer within {self._seconds:g} seconds: look again later"
            ) from error
