"""Text for people: what others wrote made fit for one line, numbers of things in words."""

from __future__ import annotations

import base64
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence
from urllib.parse import quote

_TERMINAL_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])"
)
_READ = 8192  # characters; what follows would not be repeated anyway
_HIDDEN = "***"
_TELLING = 5  # characters; a shorter secret is found in many a word that is none


def sanitize(text: str | bytes, *, limit: int = 200, secrets: Iterable[str] = ()) -> str:
    """Return what somebody else said as one printable line of at most ``limit`` characters.

    A CA, a DNS server, a provider or a file may say anything: escape sequences are taken out, line
    breaks, control characters and invisible direction marks become single spaces, and ``secrets``
    become ``***``, also as a URL or a Basic authorization would carry them. One of less than five
    characters does so only where no letter or digit stands beside it: within longer words it tells
    nobody anything, and hiding it there would leave nothing to read. Bytes are UTF-8.
    """
    if isinstance(text, bytes):
        text = text[: 4 * _READ].decode("utf-8", "replace")
    text = text[:_READ]
    spellings = sorted(_spellings(secrets), key=len, reverse=True)
    text = _TERMINAL_SEQUENCE.sub("", _hide(text, spellings))
    if not text.isprintable():
        text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    line = _hide(" ".join(text.split()), spellings)
    return line if len(line) <= limit else line[: limit - 3] + "..."


def printable(text: str) -> str:
    """Return our own text with nothing in it that moves a cursor or turns it around.

    The last guard before a terminal: what is not printable is shown as ``\\x1b``, nothing is lost.
    """
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)


def _hide(text: str, spellings: Iterable[str]) -> str:
    for spelling in spellings:
        if len(spelling) >= _TELLING:
            text = text.replace(spelling, _HIDDEN)
        else:
            text = re.sub(rf"(?<![^\W_]){re.escape(spelling)}(?![^\W_])", _HIDDEN, text)
    return text


def _spellings(secrets: Iterable[str]) -> set[str]:
    found = set()
    for secret in secrets:
        if not secret:
            continue
        data = secret.encode()
        found |= {secret, quote(secret), quote(secret, safe="")}
        found |= {base64.b64encode(data).decode(), base64.urlsafe_b64encode(data).decode()}
        found |= {spelling.rstrip("=") for spelling in found if len(spelling) > 4}
    return found


def with_extra(extra: str) -> str:
    """Return what installs an extra beside the Zoneproof that runs."""
    return f"run {sys.prefix}/bin/pip install '.[{extra}]' in Zoneproof's folder"


def some(names: Sequence[str], most: int) -> str:
    """Return the first of the names in words, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def count(number: int, word: str) -> str:
    """Return a number of things in words."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
