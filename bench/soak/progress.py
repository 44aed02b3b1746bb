"""Tells how far an endurance run is: one line that changes on a terminal, else one now and then."""

from __future__ import annotations

import sys
import time

_SECONDS = 0.5, 10.0  # between two lines: on a terminal, and elsewhere


class SoakError(Exception):
    """The service did something that it must not do."""


class Progress:
    """Counts up to a total."""

    def __init__(self, total: int, unit: str) -> None:
        self._total = total
        self._unit = unit
        self._start = self._shown = time.monotonic()
        self._is_terminal = sys.stdout.isatty()
        self._interval = _SECONDS[0] if self._is_terminal else _SECONDS[1]

    @property
    def seconds(self) -> float:
        """How long it has taken so far."""
        return time.monotonic() - self._start

    def show(self, done: int) -> None:
        """Print how many are done, if that was not printed just now."""
        if time.monotonic() - self._shown >= self._interval:
            self._shown = time.monotonic()
            self._print(done, "\r" if self._is_terminal else "\n")

    def finish(self) -> None:
        """Print that all are done."""
        self._print(self._total, "\n")

    def _print(self, done: int, end: str) -> None:
        rate = done / self.seconds
        line = f"  {done:,} of {self._total:,} {self._unit}, {self.seconds:.0f} s, {rate:,.1f}/s"
        print(f"{line:78}", end=end, flush=True)
