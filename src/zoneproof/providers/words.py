"""Repeats what others said in our own messages: one short printable line, without secrets."""

from __future__ import annotations

import base64
import re
import unicodedata
from collections.abc import Iterable
from urllib.parse import quote

_TERMINAL_SEQUENCE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])"
)
_LONGEST = 200  # characters
_READ = 8192  # characters; what follows would not be repeated anyway
_HIDDEN = "***"


def said(text: str | bytes, secrets: Iterable[str] = ()) -> str:
    """Return ``text`` as one line: printable, at most 200 characters, ``secrets`` replaced.

    A secret is also found as a URL or a Basic authorization would carry it.
    """
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    text = text[:_READ]
    spellings = sorted(_spellings(secrets), key=len, reverse=True)
    text = _TERMINAL_SEQUENCE.sub("", _hide(text, spellings))
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    line = _hide(" ".join(text.split()), spellings)
    return line if len(line) <= _LONGEST else line[: _LONGEST - 3] + "..."


def _hide(text: str, spellings: Iterable[str]) -> str:
    for spelling in spellings:
        text = text.replace(spelling, _HIDDEN)
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
