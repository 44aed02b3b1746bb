"""Keys that expire: when people are reminded, and the words for it."""

from __future__ import annotations

from datetime import date

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import count, sanitize

_REMINDERS = (1, 7, 14, 30)  # days before


def parse_expiry(text: str) -> date:
    """Read a date, such as 2027-03-01. Raises InvalidInputError."""
    try:
        return date.fromisoformat(text.strip())
    except ValueError:
        raise InvalidInputError(
            f"'{sanitize(text, limit=40)}' is not a date: write it as 2027-03-01"
        ) from None


def reminder(expires: date | None, today: date) -> int | None:
    """Return which reminder is due, in days before the key expires; None while there is time."""
    if expires is None:
        return None
    return next((days for days in _REMINDERS if (expires - today).days <= days), None)


def expiry_in_words(expires: date, today: date) -> str:
    """Return when a key expires, as ``expires on 2027-03-01, in 12 days``."""
    days = (expires - today).days
    if days < 0:
        return f"expired on {expires}"
    left = f"in {count(days, 'day')}" if days else "today"
    return f"expires on {expires}, {left}"
