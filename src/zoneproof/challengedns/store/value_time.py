"""The time by which values expire: how long the machine has run, which nobody can set.

A value is acknowledged for so many days. Were they counted by the time of day, a clock that is
corrected would end values that were acknowledged a moment before, and one that runs ahead would
have all of them thrown away. So value time goes with the machine's own seconds. It began as the
time of day, in seconds since 1970, continues in sleep and while the service is stopped, and stands
still while the machine is off: a value lives a little longer then, and never too short. Machines
that share a database have a row for each boot, and the time is the latest that any of them knows.
"""

from __future__ import annotations

import functools
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # DNS workers need no more of it
    from zoneproof.storage import Transaction

_KEPT = "SELECT boot, ahead, seen FROM challenge_value_time"
_OTHERS_KEPT = 86_400  # seconds: of other machines, and of this one's earlier boots
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

machine_seconds: Callable[[], float] = (
    functools.partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)
"""Seconds since the machine started, sleep included; the same for all its processes."""


@functools.cache
def this_boot() -> str:
    """Return what tells this start of the machine from any other."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return f"process {uuid.uuid4()}"  # every process counts on from what was last seen


@dataclass(frozen=True)
class ValueClock:
    """Reads value time on an open transaction, in seconds.

    ``seconds`` counts in the boot that ``boot`` names. Until a service has kept value time for the
    first time, it is the time of day.
    """

    time_of_day: Callable[[], float] = time.time
    seconds: Callable[[], float] = machine_seconds
    boot: Callable[[], str] = this_boot

    def now(self, tx: Transaction) -> int:
        """Return the value time."""
        return self._at(tx, int(self.seconds()))

    def ahead(self, tx: Transaction) -> int:
        """Return how far value time is ahead of the machine's seconds until the next boot."""
        seconds = int(self.seconds())
        return self._at(tx, seconds) - seconds

    def in_time_of_day(self, tx: Transaction, moment: int) -> int:
        """Return what the clock will show at a value time, or showed, if nobody sets it."""
        if not tx.query(_KEPT):
            return moment
        # Rounded as one number: the two clocks begin their seconds at different moments.
        return moment - self.ahead(tx) + round(self.time_of_day() - self.seconds())

    def keep(self, tx: Transaction) -> None:
        """Store the value time, so that it continues from here after the next boot."""
        seconds = int(self.seconds())
        now = self._at(tx, seconds)
        tx.execute(
            "DELETE FROM challenge_value_time WHERE boot = ? OR seen <= ?",
            [self.boot(), now - _OTHERS_KEPT],
        )
        tx.execute(
            "INSERT INTO challenge_value_time (boot, ahead, seen) VALUES (?, ?, ?)",
            [self.boot(), now - seconds, now],
        )

    def _at(self, tx: Transaction, seconds: int) -> int:
        rows = tx.query(_KEPT)
        if not rows:
            return int(self.time_of_day())
        known = [int(str(seen)) for _, _, seen in rows]
        known += [seconds + int(str(ahead)) for boot, ahead, _ in rows if boot == self.boot()]
        return max(known)
