"""Runs ``zoneproof`` in a fork of a process that has imported all of it.

Python's start and the imports take ten times as long as most commands do, and its taking apart of
all modules at the end three times as long, so a thousand commands would take minutes of nothing
else. Each that is started still is a process of its own, with its own environment, standard
streams, terminal and exit. Those that are only run to their end share processes, one after the
other, each with its own environment and streams: to copy what a fork writes to takes as long as
they do, too. What is about starting itself runs ``python -m zoneproof`` instead.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TextIO

from tests.support.command_forker import LARGEST, Request
from zoneproof.core.waiting import readable
from zoneproof.testing.background import BackgroundServer, Process

_MOST_COMMANDS = 50  # of one process, which keeps what each of them leaves in memory


@dataclass(frozen=True)
class Result:
    """How a run of the command ended."""

    status: int
    stdout: str
    stderr: str

    @property
    def events(self) -> list[dict[str, Any]]:
        """The lines of a run with --json."""
        return [json.loads(line) for line in self.stdout.splitlines()]

    def event(self, name: str) -> dict[str, Any]:
        """Return the first event of that name."""
        return next(event for event in self.events if event["event"] == name)

    @property
    def event_names(self) -> list[str]:
        """The names of all events, in order."""
        return [event["event"] for event in self.events]


class Running:
    """A command in a process of its own, which is asked what a :class:`subprocess.Popen` is."""

    def __init__(self, told: TextIO) -> None:
        self._told = told
        self.stdout: IO[str] | None = None
        self.pid = int(told.readline())
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Return its exit status, negative for a signal, or None while it continues."""
        return self.returncode if self._has_ended(0) else None

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status. Raises subprocess.TimeoutExpired."""
        if not self._has_ended(timeout):
            raise subprocess.TimeoutExpired("zoneproof", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def wait_or_kill(self, timeout: float) -> int:
        """Return its exit status. Raises TimeoutError, after it was killed."""
        try:
            return self.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise TimeoutError(f"the command did not end in {timeout} seconds") from None

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it continues."""
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it may have ended since
                os.kill(self.pid, sig)

    def kill(self) -> None:
        """Send it SIGKILL, if it continues."""
        self.send_signal(signal.SIGKILL)

    def _has_ended(self, timeout: float | None) -> bool:
        if self.returncode is None and readable([self._told.fileno()], timeout):
            with self._told:
                self.returncode = int(self._told.readline())
        return self.returncode is not None


def start(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: tuple[int, int, int],
    *,
    module: str = "zoneproof",
    at_terminal: bool = False,
    bound: bool = False,
) -> Running:
    """Start ``python -m module`` with file descriptors for its standard streams.

    ``environment`` is all of it; ``at_terminal`` makes the first stream the terminal that controls
    it; one that is ``bound`` cannot read and write files in spite of their modes, as root can.
    """
    request = _request(arguments, environment, module, at_terminal=at_terminal, bound=bound)
    ours, theirs = os.pipe()
    try:
        socket.send_fds(_server(), [request], [*streams, theirs])
    finally:
        os.close(theirs)
    return Running(os.fdopen(ours))


def _request(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    module: str = "zoneproof",
    *,
    at_terminal: bool = False,
    bound: bool = False,
) -> bytes:
    request: Request = {
        "arguments": arguments,
        "environment": dict(environment),
        "folder": os.getcwd(),  # noqa: PTH109
        "module": module,
        "at_terminal": at_terminal,
        "bound": bound,
    }
    return json.dumps(request).encode()


class _Runner:
    """A process that runs one ``zoneproof`` after the other."""

    def __init__(self) -> None:
        self._connection, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        module = "tests.support.consecutive_commands"
        with theirs, Path(os.devnull).open("wb") as nothing:
            streams = (theirs.fileno(), nothing.fileno(), nothing.fileno())
            self._running = start((), os.environ, streams, module=module)
        self.left = _MOST_COMMANDS

    def run(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        streams: tuple[int, int, int],
        timeout: float,
    ) -> int:
        """Return a command's status. Raises TimeoutError, after it was killed."""
        left, self.left = self.left, 0  # whoever stops waiting here leaves it in the middle
        socket.send_fds(self._connection, [_request(arguments, environment)], streams)
        if not readable([self._connection.fileno()], timeout):
            return self._running.wait_or_kill(0)
        if status := self._connection.recv(LARGEST):
            self.left = left - 1
            return int(status)
        return self._running.wait_or_kill(10)  # as it has ended, by a signal or a bug

    def end(self) -> None:
        """End the process, which is done, or with which nobody has patience."""
        self._connection.close()
        self._running.kill()
        self._running.wait(10)


_runners: list[_Runner] = []  # that nobody uses now


def _run_one_of_many(
    arguments: Sequence[str],
    environment: Mapping[str, str],
    streams: tuple[int, int, int],
    timeout: float,
) -> int:
    runner = _runners.pop() if _runners else _Runner()
    try:
        return runner.run(arguments, environment, streams, timeout)
    finally:
        if runner.left:
            _runners.append(runner)
        else:
            runner.end()


def run_zoneproof(
    *arguments: str,
    environment: Mapping[str, str] | None = None,
    module: str = "zoneproof",
    bound: bool = False,
    timeout: float = 120,
) -> Result:
    """Run the command with nobody at the keyboard; ``environment`` is added to the test's own.

    A ``module`` other than the command's does something to it, and calls it; file modes hold for
    one that is ``bound`` even where it is root.
    Raises TimeoutError, after it was killed.
    """
    with (
        Path(os.devnull).open("rb") as nothing,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
    ):
        streams = (nothing.fileno(), out.fileno(), err.fileno())
        complete = {**os.environ, **(environment or {})}
        if module == "zoneproof" and not bound:
            status = _run_one_of_many(arguments, complete, streams, timeout)
        else:
            running = start(arguments, complete, streams, module=module, bound=bound)
            status = running.wait_or_kill(timeout)
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    return Result(status, *texts)


class CommandServer(BackgroundServer):
    """A ``zoneproof`` that runs on; where ``is_fork`` is false, with a Python of its own."""

    is_fork = True

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        ready: str,
        *,
        environment: Mapping[str, str] | None = None,
        module: str = "zoneproof",
    ) -> None:
        self._arguments = arguments
        self._module = module
        command = [sys.executable, "-m", module, *arguments]
        super().__init__(name, command, ready, environment=environment)

    def _launch(self) -> Process:
        if not self.is_fork:
            return super()._launch()
        ours, theirs = os.pipe()
        try:
            with Path(os.devnull).open("rb") as nothing:
                streams = (nothing.fileno(), theirs, theirs)
                running = start(self._arguments, self._environment, streams, module=self._module)
        finally:
            os.close(theirs)
        running.stdout = os.fdopen(ours, errors="replace")
        return running


def start_forking() -> None:
    """Start the process that forks before there is something to run."""
    _server()


@functools.cache
def _server() -> socket.socket:
    """Start the process that forks; it ends with its connection to us."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.command_forker", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
    )
    theirs.close()

    def end() -> None:
        ours.close()
        process.wait(10)

    atexit.register(end)
    return ours
