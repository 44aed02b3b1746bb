"""A clock for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Clock:
    """A clock that a test moves, or who sleeps; ``then`` are things to do at the next sleeps."""

    def __init__(self, *then: Callable[[], object], now: float = 1000.0) -> None:
        self.now = now
        self.slept: list[float] = []
        self.then = list(then)

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Let the time pass at once, and the others run."""
        self.slept.append(seconds)
        self.now += seconds
        if self.then:
            self.then.pop(0)()
        await asyncio.sleep(0)
