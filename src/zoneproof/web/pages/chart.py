"""The chart of the next hundred days: how many certificates renew and expire on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from zoneproof.core.text import count
from zoneproof.manager import CertificateSummary

DAYS = 100
_WIDTH, _HEIGHT, _BASE = 1000.0, 130.0, 110.0  # units of the drawing; the axis is at the base
_STEP = _WIDTH / DAYS
_TALLEST = 96.0


@dataclass(frozen=True)
class Bar:
    """A bar with its place in the drawing, and what it says."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    text: str


@dataclass(frozen=True)
class Mark:
    """A date below the axis."""

    x: float
    text: str


@dataclass(frozen=True)
class DayRow:
    """A day as a row of the table that says the same."""

    day: date
    renews: int
    expires: int


@dataclass(frozen=True)
class Chart:
    """What the template draws."""

    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    rows: tuple[DayRow, ...]
    width: float = _WIDTH
    height: float = _HEIGHT
    base: float = _BASE


def draw(summaries: Iterable[CertificateSummary], today: date) -> Chart:
    """Return the chart; what is overdue counts for today."""
    renews: Counter[int] = Counter()
    expires: Counter[int] = Counter()
    for one in summaries:
        if one.renew_at:
            renews[max((one.renew_at.date() - today).days, 0)] += 1
        if one.not_after and one.not_after.date() >= today:
            expires[(one.not_after.date() - today).days] += 1
    days = range(DAYS)
    most = max([1, *(renews[day] for day in days), *(expires[day] for day in days)])
    bars: list[Bar] = []
    for day in days:
        when = today + timedelta(days=day)
        for at, (kind, verb, found) in enumerate(
            (("renews", "renew", renews[day]), ("expires", "expire", expires[day]))
        ):
            if not found:
                continue
            height = max(_TALLEST * found / most, 3)
            width = _STEP * 0.42
            verb = f"{verb}s" if found == 1 else verb
            bars.append(
                Bar(
                    round(day * _STEP + at * width + 0.4, 1),
                    round(_BASE - height, 1),
                    round(width, 1),
                    round(height, 1),
                    kind,
                    f"{when:%d %B}: {count(found, 'certificate')} {verb}",
                )
            )
    rows = (DayRow(today + timedelta(days=day), renews[day], expires[day]) for day in days)
    return Chart(tuple(bars), tuple(_marks(today)), tuple(row for row in rows if row != _none(row)))


def _none(row: DayRow) -> DayRow:
    return DayRow(row.day, 0, 0)


def _marks(today: date) -> Iterable[Mark]:
    yield Mark(0, "today")
    for day in range(8, DAYS):
        when = today + timedelta(days=day)
        if when.day in (1, 15):
            yield Mark(round(day * _STEP, 1), f"{when.day} {when:%b}")
