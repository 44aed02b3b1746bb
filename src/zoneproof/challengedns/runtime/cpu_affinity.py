"""Shares the machine's cores so that DNS answers do not wait for the API."""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
from collections.abc import Coroutine, Sequence
from typing import Any, Self

from zoneproof.challengedns.dns.worker import WorkerSettings
from zoneproof.challengedns.runtime.pool import WorkerPool

_NICE = 10


def give_way() -> None:
    """Keep this thread, and those that it begins from here on, to one core, behind all others.

    Python runs on one core at a time anyway, and without this the API's threads take turns on all
    of them, in the way of the DNS workers.
    """
    # A sandbox may forbid it, and then everything is only slower under load.
    with contextlib.suppress(OSError):
        os.nice(_NICE)  # on Linux that of the thread alone
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


class PoolThread:
    """Runs a worker pool in a thread of its own; a context manager.

    Whoever gives way cannot take that back, and processes inherit it. So workers are started from a
    thread that was there before.
    """

    def __init__(self, pool: WorkerPool) -> None:
        self._pool = pool
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="worker-pool")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def start(self, settings: Sequence[WorkerSettings]) -> None:
        """Do what :meth:`WorkerPool.start` does."""
        await self._run(self._pool.start(settings))

    async def stop(self) -> None:
        """Do what :meth:`WorkerPool.stop` does."""
        await self._run(self._pool.stop())

    async def _run(self, work: Coroutine[Any, Any, None]) -> None:
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))
