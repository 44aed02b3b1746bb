"""Times two things in turn, so that a ratio holds while the machine's speed drifts."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Seconds of both sides, run by run."""

    ours: tuple[float, ...]
    theirs: tuple[float, ...]

    @property
    def ratio(self) -> float:
        """The median of ours divided by theirs, pair by pair."""
        return statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))


def time_pairs(ours: Callable[[], object], theirs: Callable[[], object], runs: int) -> Pair:
    """Run both in turn ``runs`` times after one warm-up of each."""
    ours()
    theirs()
    pairs = [(_seconds(ours), _seconds(theirs)) for _ in range(runs)]
    return Pair(tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs))


def _seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def print_pair(what: str, pair: Pair, peer: str) -> None:
    """Print medians and the ratio on one line."""
    print(
        f"{what:28} zoneproof {statistics.median(pair.ours):7.3f} s"
        f"   {peer} {statistics.median(pair.theirs):7.3f} s"
        f"   ratio {pair.ratio:.3f}",
        flush=True,
    )
