"""Reads ``name=value`` options; a value can come from a file or from the environment."""

from __future__ import annotations

from collections.abc import Sequence

from zoneproof.errors import InvalidInputError
from zoneproof.references import is_reference, read_reference


def parse_fields(texts: Sequence[str]) -> dict[str, str]:
    """Read ``name=value``, ``name=@file`` and ``name=env:VARIABLE``.

    Raises InvalidInputError, which never shows a value.
    """
    fields = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise InvalidInputError("--field wants name=value, name=@file or name=env:VARIABLE")
        name = name.strip()
        if name in fields:
            raise InvalidInputError(f"--field {name} is given twice: give it once")
        fields[name] = read_reference(value, f"--field {name}")
    return fields


def literal_fields(texts: Sequence[str]) -> set[str]:
    """Return the names of those fields whose value stands on the command line itself."""
    pairs = [text.partition("=") for text in texts]
    return {name.strip() for name, _, value in pairs if not is_reference(value)}
