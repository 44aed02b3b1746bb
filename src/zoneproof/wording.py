"""Numbers of things in words, for every text that people read."""

from __future__ import annotations


def count(number: int, word: str) -> str:
    """Return a number of things in words."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
