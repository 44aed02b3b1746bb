"""Makes text from a CA fit for one line on a person's terminal."""

from __future__ import annotations

from urllib.parse import urlsplit

_LIMIT = 2000  # the portal URL of a paused account is the longest that matters


def shown(text: str, limit: int = _LIMIT) -> str:
    """Return the text on one line, without control characters, cut at ``limit`` characters.

    What a CA says ends up in terminals and logs, so line breaks, escape sequences and invisible
    direction marks become single spaces.
    """
    cut = text[: limit + 1]
    line = " ".join("".join(c if c.isprintable() else " " for c in cut).split())
    return line if len(line) <= limit else line[: limit - 3] + "..."


def ca_at(url: str) -> str:
    """Return how messages name the CA behind a URL: ``the CA at host`` or ``host:port``."""
    try:
        return f"the CA at {shown(urlsplit(url).netloc.rpartition('@')[2], 100)}"
    except ValueError:
        return f"the CA at {shown(url, 100)}"
