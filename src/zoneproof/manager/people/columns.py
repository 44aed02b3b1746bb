"""What several tables of people have: names, digests of secrets that are shown once, and times."""

from __future__ import annotations

import hashlib
import re
import secrets
from datetime import UTC, datetime, timedelta

from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError

_NAME = re.compile(r"[\w.@+-]{1,64}")
_NOTE_AFTER = timedelta(minutes=1)


def check_name(name: str, what: str) -> str:
    """Return the name of a user or token (``what``). Raises InvalidInputError."""
    if _NAME.fullmatch(name):
        return name
    raise InvalidInputError(
        f"'{name[:80]}' is not a valid {what} name: use up to 64 letters, digits, '.', '_', '@',"
        " '+' and '-'"
    )


def new_secret() -> str:
    """Return a random text of 256 bits, of which only the :func:`digest` is stored."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """Return what is stored of a random secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def now_text() -> str:
    """Return the time, as the tables have it: RFC 3339 in UTC."""
    return times.stamp(datetime.now(UTC))


def is_to_be_noted(used_at: str) -> bool:
    """Tell whether a use is a minute later than the last one that was noted (empty for none)."""
    return not used_at or datetime.fromisoformat(used_at) + _NOTE_AFTER < datetime.now(UTC)
