"""Runs a server in the background, waits until it says that it is ready, and ends it for sure."""

from __future__ import annotations

import collections
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO, Protocol, Self

from zoneproof.core.errors import ZoneproofError


class Process(Protocol):
    """What is asked of a process: a part of :class:`subprocess.Popen`."""

    pid: int
    stdout: IO[str] | None

    def poll(self) -> int | None:
        """Return its exit status, or None while it continues."""

    def wait(self, timeout: float | None = None) -> int:
        """Return its exit status once it has ended. Raises subprocess.TimeoutExpired."""

    def send_signal(self, sig: int) -> None:
        """Send it a signal, if it continues."""

    def kill(self) -> None:
        """End it by force, if it continues."""


class BackgroundServer:
    """A child process whose output is read by a thread; a context manager that ends it.

    ``ready`` is a regular expression, found in a line of the output once the server can be used.
    For one that says so a moment too early, ``listens_at`` is an address and TCP port to await.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        ready: str,
        *,
        environment: Mapping[str, str] | None = None,
        listens_at: tuple[str, int] | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.name = name
        self.command = list(command)
        self.lines: collections.deque[str] = collections.deque(maxlen=2000)
        self._ready_pattern = re.compile(ready)
        self._environment = {**os.environ, **(environment or {})}
        self._listens_at = listens_at
        self._timeout = timeout
        self._changed = threading.Condition()
        self._ready = False
        self._ended = False

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start it and wait until it is ready. Raises ZoneproofError if it does not get there."""
        try:
            self.process = self._launch()
        except OSError as error:
            raise ZoneproofError(
                f"cannot start {self.name} ({self.command[0]}): {error.strerror}"
            ) from error
        self._reader = threading.Thread(target=self._read, name=f"{self.name}-output", daemon=True)
        self._reader.start()
        with self._changed:
            self._changed.wait_for(lambda: self._ready or self._ended, self._timeout)
        if not self._ready:
            self.stop()
            said = " / ".join(list(self.lines)[-3:]) or "nothing"
            raise ZoneproofError(f"{self.name} did not start; its last output: {said}")
        if self._listens_at:
            self._await_listener(*self._listens_at)

    def _launch(self) -> Process:
        return subprocess.Popen(
            self.command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=self._environment,
            text=True,
            errors="replace",
        )

    def _await_listener(self, address: str, port: int) -> None:
        deadline = time.monotonic() + self._timeout
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                socket.create_connection((address, port), timeout=1).close()
            except OSError:
                time.sleep(0.005)
            else:
                return
        self.stop()
        raise ZoneproofError(f"{self.name} does not listen on {address} port {port}")

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._changed:
                self.lines.append(line.rstrip())
                self._ready = self._ready or bool(self._ready_pattern.search(line))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for_line(self, pattern: str, timeout: float = 30.0) -> str:
        """Return the first line of the output so far, or to come, in which ``pattern`` is found.

        Raises TimeoutError.
        """
        found: list[str] = []

        def seen() -> bool:
            found.extend(line for line in self.lines if re.search(pattern, line))
            return bool(found) or self._ended

        with self._changed:
            self._changed.wait_for(seen, timeout)
        if not found:
            raise TimeoutError(f"{self.name} never said {pattern!r}: {list(self.lines)[-5:]}")
        return found[0]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """End the process, by force after five seconds, and return its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
        status = self.process.wait()
        self._reader.join(5)
        if self.process.stdout is not None and not self._reader.is_alive():
            self.process.stdout.close()
        return status
