"""What stores share whose threads talk to a database: one of them writes, in groups.

What waits to be written shares a commit, and still succeeds or fails alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar, cast

from zoneproof.core.errors import StorageError
from zoneproof.storage.store import Transaction

T = TypeVar("T")

_GROUP_LIMIT = 256
_HANDED_OVER = 128  # works at most, at a time


class Job:
    """One caller's work, what came of it, and the caller, who waits in an event loop or a thread.

    Neither a result nor an error counts before the works of the same commit are done with.
    """

    def __init__(
        self,
        work: Callable[[Transaction], Any],
        loop: asyncio.AbstractEventLoop | None = None,
        *,
        anyway: bool = False,
    ) -> None:
        """With ``anyway`` it is done even if its caller has gone away before it begins."""
        self.work = work
        self.anyway = anyway
        self.loop = loop
        self.future: asyncio.Future[Any] | Future[Any] = loop.create_future() if loop else Future()
        self.result: Any = None
        self.error: BaseException | None = None

    def settle(self) -> None:
        """Tell the caller, unless it has gone away."""
        if self.future.done():
            return
        if self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)


class ThreadedStore(ABC):
    """A store (the Store protocol) that reads in several threads, and writes in one.

    What waits to be written meanwhile shares a commit, 256 works at most. ``name`` is what errors
    call the database.
    """

    def __init__(self, name: str, readers: int) -> None:
        self._called = name
        self._closed = False
        self._read_pool = ThreadPoolExecutor(readers, thread_name_prefix="zoneproof-store-reader")
        self._jobs: queue.SimpleQueue[list[Job] | None] = queue.SimpleQueue()
        self._gathered: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        self._writing = threading.Thread(
            target=self._write_loop, name="zoneproof-store-writer", daemon=True
        )
        self._writing.start()

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that sees one consistent state, and return its result."""
        self._check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._read_pool, self._read_now, work)

    async def write(self, work: Callable[[Transaction], T], *, anyway: bool = False) -> T:
        """Run ``work`` in a transaction and return its result after a durable commit.

        With ``anyway`` it is done even if its caller goes away before it has begun.
        """
        self._check_open()
        loop = asyncio.get_running_loop()
        job = Job(work, loop, anyway=anyway)
        # What comes in one turn of the loop goes to the thread together: so more share a commit,
        # and the thread does not take turns with the loop for each of them.
        if loop not in self._gathered:
            self._gathered[loop] = []
            loop.call_soon(self._hand_over, loop)
        self._gathered[loop].append(job)
        return await cast("asyncio.Future[T]", job.future)

    def write_and_wait(self, work: Callable[[Transaction], T]) -> T:
        """Do what :meth:`write` does for a caller in a thread of its own."""
        self._check_open()
        job = Job(work)
        self._jobs.put([job])
        return cast("Future[T]", job.future).result()

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        if not self._closed:
            self._closed = True
            self._hand_over(asyncio.get_running_loop())
            await asyncio.to_thread(self._end)

    @abstractmethod
    def _read_now(self, work: Callable[[Transaction], T]) -> T: ...

    @abstractmethod
    def _commit_group(self, jobs: Sequence[Job]) -> None:
        """Do the works of a group in one transaction, and note what comes of each.

        If it raises, all have failed.
        """

    @abstractmethod
    def _translated(self, error: BaseException) -> BaseException:
        """Make of an engine's error what callers are to see."""

    @abstractmethod
    def _close_connections(self) -> None: ...

    def _hand_over(self, loop: asyncio.AbstractEventLoop) -> None:
        """Give the writing thread what a loop has gathered, in groups of a limited size."""
        jobs = self._gathered.pop(loop, [])
        for start in range(0, len(jobs), _HANDED_OVER):
            self._jobs.put(jobs[start : start + _HANDED_OVER])

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self._called} is closed already")

    def _end(self) -> None:
        self._jobs.put(None)
        self._writing.join()
        self._read_pool.shutdown()
        self._close_connections()

    def _write_loop(self) -> None:
        stop = False
        while not stop:
            jobs = self._jobs.get()
            if jobs is None:
                return
            while len(jobs) + _HANDED_OVER <= _GROUP_LIMIT:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    stop = True
                    break
                jobs += following
            jobs = [each for each in jobs if each.anyway or not each.future.cancelled()]
            try:
                self._commit_group(jobs)
            except BaseException as error:  # noqa: BLE001  else the thread ends and all wait for ever
                for each in jobs:
                    each.error = each.error or error
            self._settle(jobs)

    def _settle(self, jobs: Sequence[Job]) -> None:
        """Tell the callers, all those of an event loop at once: each call costs as much."""
        by_loop: dict[asyncio.AbstractEventLoop | None, list[Job]] = {}
        for job in jobs:
            if job.error is not None:
                job.error = self._translated(job.error)
            by_loop.setdefault(job.loop, []).append(job)
        for loop, theirs in by_loop.items():
            if loop is None:
                _settle_all(theirs)
            else:
                with contextlib.suppress(RuntimeError):  # it has ended, and so has who waited
                    loop.call_soon_threadsafe(_settle_all, theirs)


def _settle_all(jobs: Sequence[Job]) -> None:
    for job in jobs:
        job.settle()


def run_work(work: Callable[[Transaction], T], tx: Transaction) -> T:
    """Do a work; raises what it raises."""
    try:
        return work(tx)
    except StopIteration as error:
        # An asyncio future cannot carry this one: its caller would wait for ever.
        raise RuntimeError("StopIteration in a transaction") from error
