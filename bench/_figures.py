"""Prints figures: what was measured, on which machine, and whether a bar is met."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Bar:
    """What a ratio must reach (``at least``) or must not pass (``at most``)."""

    kind: Literal["at least", "at most"]
    limit: float

    def verdict(self, ratio: float) -> str:
        """Say whether the ratio is good enough."""
        good = ratio >= self.limit if self.kind == "at least" else ratio <= self.limit
        return f"bar: {self.kind} {self.limit:g}, {'met' if good else 'MISSED'}"


def print_title(text: str) -> None:
    """Print what is measured and where; other work on the machine shows in the load average."""
    print(f"{text}\n  {os.cpu_count()} cores, load average before: {os.getloadavg()[0]:.2f}")


def print_figure(what: str, figure: str) -> None:
    """Print one figure on its line."""
    print(f"  {what:44} {figure}", flush=True)


def print_ratio(
    what: str, ours: Sequence[float], theirs: Sequence[float], bar: Bar | None = None
) -> None:
    """Print the median of ratios taken run by run, its range, and the verdict."""
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    middle = statistics.median(ratios)
    verdict = f"; {bar.verdict(middle)}" if bar else ""
    print_figure(what, f"{middle:.3f}   ({ratios[0]:.3f} to {ratios[-1]:.3f}{verdict})")


def per_second(rates: Sequence[float]) -> str:
    """Return the median of rates as text."""
    return f"{statistics.median(rates):,.0f}/s"


def microseconds(seconds: Sequence[float]) -> str:
    """Return the median of times as text."""
    return f"{statistics.median(seconds) * 1e6:.1f} µs"


def milliseconds(seconds: float) -> str:
    """Return a time as text."""
    return f"{seconds * 1000:.3f} ms"


def megabytes(size: float) -> str:
    """Return a number of bytes as text."""
    return f"{size / 1_000_000:,.0f} MB"
