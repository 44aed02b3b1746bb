"""HTTP headers that ACME gives a meaning: Link and Replay-Nonce. No I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from urllib.parse import urljoin

_NONCE = re.compile(r"[A-Za-z0-9_-]{1,512}")
_LINK = re.compile(r"<([^<>]*)>")
_PARAMETER = re.compile(r'\s*;\s*([A-Za-z0-9*_.-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^\s;,"]*))?')


def links(values: Iterable[str], relation: str, base_url: str) -> list[str]:
    """Return the targets of all links of a relation (RFC 8288), made absolute, in order."""
    found = []
    for value in values:
        position = 0
        while match := _LINK.search(value, position):
            position = match.end()
            relations = ""
            while parameter := _PARAMETER.match(value, position):
                position = parameter.end()
                name, content = parameter.group(1).lower(), parameter.group(2) or ""
                if name == "rel" and not relations:
                    relations = _unquoted(content).lower()
            if relation.lower() in relations.split():
                found.append(_absolute(base_url, match.group(1)))
    return [url for url in found if url]


def replay_nonce(value: str | None) -> str | None:
    """Return a Replay-Nonce if it is base64url; others must be ignored (RFC 8555 section 6.5.1)."""
    return value if value and _NONCE.fullmatch(value) else None


def _unquoted(text: str) -> str:
    if text.startswith('"'):
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    return text


def _absolute(base_url: str, target: str) -> str:
    if target.startswith(("https://", "http://")):
        return target  # signed and sent as it is, where urljoin would tidy it up
    try:
        return urljoin(base_url, target.strip())
    except ValueError:
        return ""
