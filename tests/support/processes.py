"""Runs tests in several processes (``--processes``), each with one file after another.

They are forks of the one that has collected the tests, so nothing is imported or collected twice.
pytest-xdist does so in each of its processes: a tenth of all the work that the tests are.

A process that ends, or hangs (``--longest``), fails the test that it ran, and nothing else. Each
has a session of its own, without a terminal, and what is left in it ends with the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import multiprocessing
import os
import random
import signal
import time
from collections import deque
from collections.abc import Sequence
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, TextIO

import pytest
from _pytest.capture import CaptureManager
from _pytest.config import create_terminal_writer

_NOTICEABLE = 0.05  # seconds
_LOOK_SECONDS = 1.0
_INTERRUPT = (signal.SIGINT,)
_PR_SET_PDEATHSIG = 1
_LAST_SECONDS = 60.0  # to end what interrupted processes have begun


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption("--processes", type=int, default=0, help="run tests in so many processes")
    parser.addoption(
        "--longest",
        type=float,
        default=400.0,
        help="seconds after which a process ends whose test has not ended, as --timeout should",
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Run the tests in processes, if these were asked for and the tests could be collected."""
    options = session.config.option
    if not options.processes or options.collectonly or session.testsfailed:
        return None
    _Run(session).run(options.processes)
    return True


class _Worker:
    """A process that runs tests, and which ones it has been given and not done."""

    def __init__(self, session: pytest.Session, number: int, pipes: Sequence[Connection]) -> None:
        self.pipe, theirs = multiprocessing.Pipe()
        self.left: deque[pytest.Item] = deque()
        self.last: pytest.Item | None = None
        self.is_hanging = False
        self.process = multiprocessing.get_context("fork").Process(
            target=_work, args=(session, number, theirs, [*pipes, self.pipe])
        )
        self.process.start()
        theirs.close()
        assert self.process.pid
        self.pid = self.process.pid
        self.ended = os.pidfd_open(self.pid)  # as what it forked may hold its end of the pipe
        self.heard = time.monotonic()

    def give(self, items: Sequence[int], session: pytest.Session) -> None:
        """Give it tests by their places in the session; none if there are no more."""
        self.left.extend(session.items[item] for item in items)
        self.pipe.send(items)

    def abort(self) -> None:
        """End it; it says where it is, by :mod:`faulthandler`."""
        self.is_hanging = True
        os.kill(self.pid, signal.SIGABRT)

    def close(self, patience: float | None = None) -> None:
        """Wait for its end, at most so many seconds, then end it and what it has left."""
        self.process.join(patience)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        self.process.join()
        self.pipe.close()
        os.close(self.ended)


class _Run:
    """A run of all tests of a session."""

    def __init__(self, session: pytest.Session) -> None:
        self._session = session
        self._longest: float = session.config.option.longest
        self._hook = session.config.hook
        self._workers: dict[Connection, _Worker] = {}
        self._numbers = itertools.count()
        files: dict[str, list[int]] = {}
        for index, item in enumerate(session.items):
            files.setdefault(item.nodeid.partition("::")[0], []).append(index)
        self._files = deque(files.values())

    def run(self, processes: int) -> None:
        """Run them; a process that ends by itself fails the test that it ran."""
        self._session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined]
        try:
            for _ in range(min(processes, len(self._files))):
                self._start()
            while self._workers:
                for worker in self._ready():
                    if worker.pipe.poll():
                        self._hear(worker)
                    else:
                        self._end(worker)
                    if self._session.shouldfail:
                        raise self._session.Failed(self._session.shouldfail)
        finally:
            for worker in self._workers.values():
                os.kill(worker.pid, signal.SIGINT)
            last = time.monotonic() + _LAST_SECONDS
            for worker in self._workers.values():
                worker.close(max(0.0, last - time.monotonic()))

    def _ready(self) -> list[_Worker]:
        """Wait for messages and ends, and end those that were silent for too long."""
        workers = list(self._workers.values())
        watched = [end for each in workers for end in (each.pipe, each.ended)]
        ready = set(wait(watched, _LOOK_SECONDS))
        found = [each for each in workers if each.pipe in ready or each.ended in ready]
        long_ago = time.monotonic() - self._longest
        for worker in workers:
            if worker.heard < long_ago and not worker.is_hanging and worker not in found:
                worker.abort()
        return found

    def _start(self) -> None:
        # An interrupt waits until we know of the process, and it can end as it should.
        signal.pthread_sigmask(signal.SIG_BLOCK, _INTERRUPT)
        try:
            worker = _Worker(self._session, next(self._numbers), list(self._workers))
            self._workers[worker.pipe] = worker
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)

    def _hear(self, worker: _Worker) -> None:
        try:
            reports = worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            self._end(worker)
            return
        worker.heard = time.monotonic()
        if reports is None:
            worker.give(self._files.popleft() if self._files else [], self._session)
            return
        worker.last = item = worker.left.popleft()
        for data in reports:
            report = self._hook.pytest_report_from_serializable(
                config=self._session.config, data=data
            )
            self._hook.pytest_runtest_logreport(report=report)
        self._hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)

    def _end(self, worker: _Worker) -> None:
        del self._workers[worker.pipe]
        worker.close()
        if not worker.left and not worker.process.exitcode:
            return
        item = worker.left.popleft() if worker.left else worker.last
        assert item, "a process ended before it had a test"
        text = f"the process that ran this test ended with {worker.process.exitcode}"
        if worker.is_hanging:
            text = f"still running after {self._longest:g} seconds; its stack is printed above"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")
        self._hook.pytest_runtest_logreport(report=report)
        if worker.left:
            places = {id(item): index for index, item in enumerate(self._session.items)}
            self._files.appendleft([places[id(item)] for item in worker.left])
        if self._files:
            self._start()


class _Told:
    """What is to be told of the tests that ran."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self.reports: list[dict[str, Any]] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep what is of interest: each message costs half of what a test does."""
        if report.when == "call" or not report.passed or report.duration > _NOTICEABLE:
            to_data = self._config.hook.pytest_report_to_serializable
            self.reports.append(to_data(config=self._config, report=report))


def _work(
    session: pytest.Session, number: int, pipe: Connection, inherited: Sequence[Connection]
) -> None:
    """Run tests as long as there are any: the process's main function."""
    os.setsid()
    # Whoever counts the seconds of a test may be killed; then nobody would end one that hangs.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    for other in inherited:
        other.close()
    with Path(os.devnull).open("w") as nowhere:
        try:
            # Whoever runs us in the background of a shell has it ignored.
            signal.signal(signal.SIGINT, signal.default_int_handler)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _INTERRUPT)
            _be_apart(session.config, number, nowhere)
            told = _Told(session.config)
            session.config.pluginmanager.register(told)
            _run_given(session, pipe, told)
            signal.signal(signal.SIGINT, signal.SIG_IGN)
        except (KeyboardInterrupt, EOFError, BrokenPipeError):  # nobody wants to know more
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            session._setupstate.teardown_exact(None)


def _run_given(session: pytest.Session, pipe: Connection, told: _Told) -> None:
    while items := _given(session, pipe):
        for item, following in itertools.zip_longest(items, items[1:], fillvalue=session):
            # After a file's last test only what all files share is kept, whatever comes next.
            session.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
            reports, told.reports = told.reports, []
            pipe.send(reports)
    session._setupstate.teardown_exact(None)


def _given(session: pytest.Session, pipe: Connection) -> list[pytest.Item]:
    pipe.send(None)
    return [session.items[index] for index in pipe.recv()]


def _be_apart(config: pytest.Config, number: int, nowhere: TextIO) -> None:
    """Have a folder, chance and captured output of one's own, and say nothing."""
    random.seed()
    plugins = config.pluginmanager
    folders: pytest.TempPathFactory = config._tmp_path_factory  # type: ignore[attr-defined]
    folders._basetemp = folders.getbasetemp() / f"process-{number}"
    folders._basetemp.mkdir(mode=0o700)
    capture: CaptureManager | None = plugins.get_plugin("capturemanager")
    if capture:
        capture.stop_global_capturing()
        capture.start_global_capturing()
        capture.suspend_global_capture()
    terminal: Any = plugins.get_plugin("terminalreporter")
    terminal._tw = create_terminal_writer(config, nowhere)
