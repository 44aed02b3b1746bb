"""The notes that people attach to registrations and keys."""

from __future__ import annotations

MAX_NOTE = 200


def clean_note(note: str) -> str:
    """Return the printable characters of a note, at most 200."""
    return "".join(character for character in note if character.isprintable())[:MAX_NOTE]
