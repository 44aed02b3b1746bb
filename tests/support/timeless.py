"""An event loop in which waiting takes no time: its clock jumps to whatever comes next."""

from __future__ import annotations

import asyncio
import selectors

import pytest


class _Selector(selectors.DefaultSelector):
    """Is not slept in while there is a timer: what the sleep would have been is added to ``now``.

    Without one it waits for what a socket or another thread has to say.
    """

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            return super().select()
        ready = super().select(0)
        if not ready:
            self.now += timeout
        return ready


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.selector = _Selector()
        super().__init__(self.selector)

    def time(self) -> float:
        return self.selector.now

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:
        # A deadline for it would be over at once, while its threads are still at work.
        await super().shutdown_default_executor()


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Run a module's async tests in such a loop: the module imports this fixture."""
    return "asyncio", {"loop_factory": _Loop}
