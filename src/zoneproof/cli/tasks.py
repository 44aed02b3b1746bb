"""Runs asynchronous work to its end, and lets SIGTERM end it as gently as Ctrl-C does."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def run_until_done(work: Coroutine[Any, Any, T]) -> T:
    """Run the coroutine. SIGINT and SIGTERM cancel it, so that it can clean up first.

    Raises KeyboardInterrupt after such a signal.
    """

    async def guarded() -> T:
        task = asyncio.ensure_future(work)
        terminated = False

        def stop() -> None:
            nonlocal terminated
            terminated = True
            task.cancel()

        # Windows has no such handlers, and ends processes without asking.
        with contextlib.suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop)
        try:
            return await task
        except asyncio.CancelledError:
            if terminated:
                raise KeyboardInterrupt from None
            raise

    return asyncio.run(guarded())
