"""TXT values as zone files write them, which many APIs want (RFC 1035 section 5.1)."""

from __future__ import annotations

import re

from zoneproof.providers.contract import split_txt

_PART = re.compile(rb'"((?:[^"\\]|\\[0-9]{3}|\\[^0-9])*)"')
_ESCAPE = re.compile(rb"\\(?:([0-9]{3})|(.))", re.DOTALL)


def quote_txt(value: str) -> str:
    """Return the value as quoted strings of at most 255 bytes, with a space between them.

    What is not printable ASCII is written as ``\\DDD``. Raises what :func:`split_txt` raises.
    """
    return " ".join(f'"{"".join(map(_escape, part))}"' for part in split_txt(value))


def unquote_txt(text: str) -> str:
    """Return the value of quoted strings; a text that does not begin with a quote is the value."""
    data = text.strip().encode()
    if not data.startswith(b'"'):
        return text
    parts = [_ESCAPE.sub(_unescaped, part) for part in _PART.findall(data)]
    return b"".join(parts).decode("utf-8", "replace")


def _escape(byte: int) -> str:
    char = chr(byte)
    if char in '"\\':
        return "\\" + char
    return char if " " <= char <= "~" else f"\\{byte:03}"


def _unescaped(match: re.Match[bytes]) -> bytes:
    return bytes([int(match[1]) & 255]) if match[1] else match[2]
