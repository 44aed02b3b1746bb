"""Runs asynchronous work to its end, and lets SIGTERM end it as gently as Ctrl-C does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from zoneproof.manager import Manager, RunOptions

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

    if sys.version_info < (3, 12) and sys.platform == "linux" and hasattr(os, "pidfd_open"):
        # Python 3.12 does so by itself; 3.11 starts a thread for each script that a provider runs.
        asyncio.set_child_watcher(asyncio.PidfdChildWatcher())
    return asyncio.run(guarded())


def run_with_manager(
    work: Callable[[Manager], Awaitable[T]],
    run: RunOptions | None = None,
    *,
    needs_secrets: bool = True,
) -> T:
    """Open the manager's home, run the work with it, and close it.

    Work that ``needs_secrets`` does not begin without the vault key.
    """
    from zoneproof.manager import Home, open_manager

    async def opened() -> T:
        async with open_manager(Home.find(), run, needs_secrets=needs_secrets) as manager:
            return await work(manager)

    return run_until_done(opened())
