"""Moments in words for people, and as programs read them: always in UTC, and saying so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

_UNITS = (
    (timedelta(days=1), "day"),
    (timedelta(hours=1), "hour"),
    (timedelta(minutes=1), "minute"),
)


def at(moment: datetime | float | str) -> str:
    """Return the moment to the minute, as ``2027-02-23 15:54 UTC``.

    ``moment`` is aware, or seconds since 1970, or a text in ISO 8601 with its offset.
    """
    return f"{_read(moment):%Y-%m-%d %H:%M} UTC"


def stamp(moment: datetime, timespec: str = "milliseconds") -> str:
    """Return the moment for programs: RFC 3339 in UTC, as ``2027-02-23T15:54:00.000Z``.

    ``timespec`` is that of :meth:`datetime.isoformat`.
    """
    return moment.astimezone(UTC).isoformat(timespec=timespec).replace("+00:00", "Z")


def distance(moment: datetime | float | str, now: datetime) -> str:
    """Return how far away the moment is, as ``in 23 days`` or ``2 hours ago``.

    Never more than what is left: 47 hours are no two days.
    """
    left = _read(moment) - now
    for unit, word in _UNITS:
        number = abs(left) // unit
        # Two of a unit at least, so that little is lost by omitting the smaller ones.
        if number > 1 or (number and word == "minute"):
            several = f"{number} {word}{'' if number == 1 else 's'}"
            return f"in {several}" if left > timedelta() else f"{several} ago"
    return "within a minute" if left > timedelta() else "now"


def at_and_distance(moment: datetime | float | str, now: datetime) -> str:
    """Return both, as ``2027-02-23 15:54 UTC (in 23 days)``."""
    return f"{at(moment)} ({distance(moment, now)})"


def _read(moment: datetime | float | str) -> datetime:
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    elif not isinstance(moment, datetime):
        moment = datetime.fromtimestamp(moment, UTC)
    return moment.astimezone(UTC)
