"""How many requests a service may get at once, and how fast one after the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from zoneproof.providers.contract import ProviderContext


class Pace:
    """Lets ``at_once`` requests run at the same time, and begins one each ``pause`` seconds."""

    def __init__(self, context: ProviderContext, at_once: int, pause: float) -> None:
        self._clock, self._sleep = context.clock, context.sleep
        self._slots = asyncio.Semaphore(at_once)
        self._gate = asyncio.Lock()
        self._pause = pause
        self._next = 0.0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for the turn, and hold it."""
        async with self._slots:
            async with self._gate:
                wait = self._next - self._clock()
                if wait > 0:
                    await self._sleep(wait)
                self.rest(self._pause)
            yield

    def rest(self, seconds: float) -> None:
        """Begin no request within so many seconds from now, as the service has asked."""
        self._next = max(self._next, self._clock() + seconds)
