"""A thread that writes: what waits meanwhile shares a commit, and still succeeds or fails alone."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar, cast

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


class GroupedWrites:
    """Runs ``commit`` in a thread of its own, with all works that wait, 256 at most.

    ``commit`` does the works of a group in one transaction and notes what comes of each; if it
    raises, all have failed. ``translate`` makes of an engine's error what callers are to see.
    """

    def __init__(
        self,
        commit: Callable[[Group], None],
        translate: Callable[[BaseException], BaseException],
    ) -> None:
        self._commit = commit
        self._translate = translate
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self.thread = threading.Thread(
            target=self._loop, name="zoneproof-store-writer", daemon=True
        )
        self.thread.start()

    async def add(self, work: Callable[[Transaction], T]) -> T:
        """Do a work, and return its result after the commit."""
        return await asyncio.wrap_future(self.submit(work))

    def submit(self, work: Callable[[Transaction], T]) -> Future[T]:
        """Do a work soon, and have its result after the commit."""
        job = Job(work)
        self._jobs.put(job)
        return cast("Future[T]", job.future)

    def finish(self) -> None:
        """Do what waits, and end the thread."""
        self._jobs.put(None)
        self.thread.join()

    def _loop(self) -> None:
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
            group = Group(wanted, self._translate)
            try:
                self._commit(group)
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
