"""What stores share whose threads talk to a database: one of them writes, in groups.

What waits to be written shares a commit, and still succeeds or fails alone.
"""

from __future__ import annotations

import asyncio
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


class Job:
    """One caller's work, and who waits for what comes of it."""

    def __init__(self, work: Callable[[Transaction], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()


class Group:
    """The works of one commit, and what has come of them so far."""

    def __init__(
        self, jobs: Sequence[Job], translate: Callable[[BaseException], BaseException]
    ) -> None:
        self.jobs = jobs
        self._translate = translate
        self._done: dict[Job, Any] = {}

    def done(self, job: Job, result: Any) -> None:
        """Note a result, which counts once the group is committed."""
        self._done[job] = result

    def fail(self, job: Job, error: BaseException) -> None:
        """Tell one caller of an error, whatever comes of the others."""
        if not job.future.done():
            job.future.set_exception(self._translate(error))

    def fail_all(self, error: BaseException) -> None:
        """Tell all of them of an error."""
        for job in self.jobs:
            self.fail(job, error)

    def begin_again(self) -> None:
        """Forget all results, because nothing was committed and all is done once more.

        Not so what has failed: whoever was told that must not have it done after all.
        """
        self._done.clear()
        self.jobs = [job for job in self.jobs if not job.future.done()]

    def committed(self) -> None:
        """Give all their results."""
        for job, result in self._done.items():
            job.future.set_result(result)


class ThreadedStore(ABC):
    """A store (the Store protocol) that reads in several threads, and writes in one.

    What waits to be written meanwhile shares a commit, 256 works at most. ``name`` is what errors
    call the database.
    """

    def __init__(self, name: str, readers: int) -> None:
        self._called = name
        self._closed = False
        self._read_pool = ThreadPoolExecutor(readers, thread_name_prefix="zoneproof-store-reader")
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._writing = threading.Thread(
            target=self._write_loop, name="zoneproof-store-writer", daemon=True
        )
        self._writing.start()

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that sees one consistent state, and return its result."""
        self._check_open()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._read_pool, self._read_now, work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction and return its result after a durable commit."""
        return await asyncio.wrap_future(self._submit(work))

    def write_and_wait(self, work: Callable[[Transaction], T]) -> T:
        """Do what :meth:`write` does for a caller in a thread of its own."""
        return self._submit(work).result()

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._end)

    @abstractmethod
    def _read_now(self, work: Callable[[Transaction], T]) -> T: ...

    @abstractmethod
    def _commit_group(self, group: Group) -> None:
        """Do the works of a group in one transaction, and note what comes of each.

        If it raises, all have failed.
        """

    @abstractmethod
    def _translated(self, error: BaseException) -> BaseException:
        """Make of an engine's error what callers are to see."""

    @abstractmethod
    def _close_connections(self) -> None: ...

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"{self._called} is closed already")

    def _submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        self._check_open()
        job = Job(work)
        self._jobs.put(job)
        return cast("Future[T]", job.future)

    def _end(self) -> None:
        self._jobs.put(None)
        self._writing.join()
        self._read_pool.shutdown()
        self._close_connections()

    def _write_loop(self) -> None:
        stop = False
        while not stop:
            job = self._jobs.get()
            if job is None:
                return
            jobs = [job]
            while len(jobs) < _GROUP_LIMIT:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    stop = True
                    break
                jobs.append(following)
            wanted = [each for each in jobs if each.future.set_running_or_notify_cancel()]
            group = Group(wanted, self._translated)
            try:
                self._commit_group(group)
            except BaseException as error:  # noqa: BLE001  else the thread ends and all wait for ever
                group.fail_all(error)
            else:
                group.committed()


def run_work(work: Callable[[Transaction], T], tx: Transaction) -> T:
    """Do a work; raises what it raises."""
    try:
        return work(tx)
    except StopIteration as error:
        # An asyncio future cannot carry this one: its caller would wait for ever.
        raise RuntimeError("StopIteration in a transaction") from error
