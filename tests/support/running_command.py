"""A fork of the command that runs on, as :class:`subprocess.Popen` has one."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from tests.support.command import Running, start


class RunningCommand:
    """A command by its ``pid``, and what it prints to ``stdout``."""

    def __init__(self, running: Running, stdout: TextIO) -> None:
        self.pid = running.pid
        self.stdout = stdout
        self._running = running
        self._status: int | None = None

    def send_signal(self, number: int) -> None:
        """Send it a signal, unless it has been waited for."""
        if self._status is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """Send it SIGKILL."""
        self.send_signal(signal.SIGKILL)

    def wait(self, timeout: float = 60) -> int:
        """Return its exit status, negative for a signal."""
        if self._status is None:
            self._status = self._running.wait(timeout)
        return self._status


@contextmanager
def running_command(environment: Mapping[str, str], *arguments: str) -> Iterator[RunningCommand]:
    """Start ``zoneproof``; kill it at the end of the block, if it has not ended."""
    ours, theirs = os.pipe()
    with os.fdopen(ours) as stdout, Path(os.devnull).open("rb") as nothing:
        try:
            running = start(arguments, environment, (nothing.fileno(), theirs, 2))
        finally:
            os.close(theirs)
        command = RunningCommand(running, stdout)
        try:
            yield command
        finally:
            command.kill()
            command.wait()
