"""Reads what providers' fields have in common."""

from __future__ import annotations

from pathlib import Path

from zoneproof.errors import InvalidInputError
from zoneproof.providers.words import said


def absolute_path(field: str, text: str) -> Path:
    """Return the path. A relative one is refused: orders run in whatever folder is the current.

    Raises InvalidInputError.
    """
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise InvalidInputError(f"{field} must be an absolute path, not '{said(text)}'")
    return path
