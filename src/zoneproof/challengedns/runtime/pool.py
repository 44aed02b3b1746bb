"""Keeps the DNS worker processes alive, and replaces them without losing a question."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Sequence

import msgspec

from zoneproof.challengedns.dns.counters import Tally, WorkerCounters
from zoneproof.challengedns.dns.worker import READY, WorkerSettings, encode
from zoneproof.core.errors import ZoneproofError
from zoneproof.serving.logs import facts

_READY_SECONDS = 30.0
_END_SECONDS = 5.0
_LOOK_SECONDS = 1.0
_MOST_LOOKS = 5  # without any sign of life
_FIRST_PAUSE, _MAX_PAUSE = 0.1, 5.0
_MODULES = {
    "udp": "zoneproof.challengedns.dns.worker",
    "tcp": "zoneproof.challengedns.dns.worker",
    "transfers": "zoneproof.challengedns.secondaries.process",
}

_log = logging.getLogger(__name__)


class WorkerPool:
    """One process for each of the settings; one that ends by itself, or hangs, is replaced.

    The sockets stay open in this process, so questions that arrive meanwhile wait in them.
    ``tally`` holds what the workers have counted, and ``restarts`` how often one had to be started
    again.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self.restarts = 0
        self._keepers: list[_Keeper] = []

    def count_restart(self) -> None:
        """Note that a worker ended by itself."""
        self.restarts += 1

    async def start(self, settings: Sequence[WorkerSettings]) -> None:
        """Start workers, wait until they answer, then end those that were there before.

        Raises ZoneproofError if one does not come up; then everything is as it was.
        """
        new = [_Keeper(self, each) for each in settings]
        try:
            await asyncio.gather(*(keeper.start() for keeper in new))
        except ZoneproofError:
            await _end(new)
            raise
        old, self._keepers = self._keepers, new
        await _end(old)

    async def stop(self) -> None:
        """Let all answer what has arrived, and end."""
        await _end(self._keepers)
        self._keepers = []


async def _end(keepers: Sequence[_Keeper]) -> None:
    await asyncio.gather(*(keeper.end() for keeper in keepers))


class _Keeper:
    """Keeps one worker process running."""

    def __init__(self, pool: WorkerPool, settings: WorkerSettings) -> None:
        self._pool = pool
        self._settings = settings
        self._counters: WorkerCounters | None = None
        self._task: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    async def start(self) -> None:
        """Start the process. Raises ZoneproofError if it does not come up."""
        process = await self._spawn()
        self._task = asyncio.create_task(self._keep(process))

    async def end(self) -> None:
        """End the process, and wait for that."""
        self._ending.set()
        if self._task is not None:
            await self._task

    async def _keep(self, process: asyncio.subprocess.Process) -> None:
        pause = 0.0
        while not await self._is_to_end(process):
            _log.warning(
                "DNS worker %d (%s) ended with status %s: starting another",
                process.pid,
                self._settings.transport,
                process.returncode,
                extra=facts(worker=process.pid, transport=self._settings.transport),
            )
            self._forget_counters()
            self._pool.count_restart()
            # The first time at once, then slower: what kills it may do so again.
            if await self._ending_within(pause):
                return
            pause = min(pause * 2, _MAX_PAUSE) or _FIRST_PAUSE
            try:
                process = await self._spawn()
            except ZoneproofError as error:
                _log.error("%s", error.message)
        await _finish(process)
        self._forget_counters()

    async def _spawn(self) -> asyncio.subprocess.Process:
        try:
            self._counters = self._pool.tally.open(self._settings.transport)
        except OSError as error:  # as when too many files are open; later there may be fewer
            raise ZoneproofError(f"cannot start a DNS worker: {error.strerror}") from error
        settings = msgspec.structs.replace(
            self._settings,
            counters=self._counters.descriptor,
            watched=self._counters.watcher.descriptor,
            asked=self._counters.asked.descriptor if self._settings.notes_questions else -1,
        )
        try:
            return await _spawn(settings)
        except ZoneproofError:
            self._forget_counters()
            raise

    def _forget_counters(self) -> None:
        if self._counters is not None:
            self._pool.tally.close(self._counters)
            self._counters = None

    async def _is_to_end(self, process: asyncio.subprocess.Process) -> bool:
        """Wait until the worker is to end (True), or has ended or hangs by itself."""
        ended = asyncio.ensure_future(process.wait())
        ending = asyncio.ensure_future(self._ending.wait())
        seen: list[int] = []
        looks = 0
        while not (ended.done() or ending.done() or looks > _MOST_LOOKS):
            # Looks are counted and not seconds: after a pause of the whole machine, or of this
            # process too, the worker has time again.
            now = self._counters.read() if self._counters else []
            looks = looks + 1 if now == seen else 0
            seen = now
            await asyncio.wait(
                {ended, ending}, timeout=_LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
        if looks > _MOST_LOOKS:
            _log.error(
                "DNS worker %d (%s) hangs: ending it",
                process.pid,
                self._settings.transport,
                extra=facts(worker=process.pid, transport=self._settings.transport),
            )
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            # What waits for a broken disk does not even end, and is replaced all the same.
            await asyncio.wait({ended}, timeout=_END_SECONDS)
        ended.cancel()
        ending.cancel()
        return self._ending.is_set()

    async def _ending_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), seconds)
        return self._ending.is_set()


async def _spawn(settings: WorkerSettings) -> asyncio.subprocess.Process:
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",
            "-m",
            _MODULES[settings.transport],
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=settings.descriptors,
        )
    except OSError as error:
        raise ZoneproofError(f"cannot start a DNS worker: {error.strerror}") from error
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(encode(settings))
    said = b""
    with contextlib.suppress(TimeoutError, ConnectionError):
        said = await asyncio.wait_for(process.stdout.readline(), _READY_SECONDS)
    if said != READY:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise ZoneproofError("a DNS worker did not start: see its error above")
    return process


async def _finish(process: asyncio.subprocess.Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _END_SECONDS)
    except TimeoutError:
        process.kill()
        await process.wait()
