"""Reads ``name=value`` options; a value can come from a file or from the environment."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from zoneproof.errors import InvalidInputError


def parse_fields(texts: Sequence[str]) -> dict[str, str]:
    """Read ``name=value``, ``name=@file`` and ``name=env:VARIABLE``.

    A file's last line end is dropped. Raises InvalidInputError, which never shows a value.
    """
    fields = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise InvalidInputError("--field wants name=value, name=@file or name=env:VARIABLE")
        name = name.strip()
        if not _is_text(value):
            raise InvalidInputError(f"--field {name}: its value is not UTF-8 text")
        if name in fields:
            raise InvalidInputError(f"--field {name} is given twice: give it once")
        fields[name] = read_value(f"--field {name}", value)
    return fields


def read_value(option: str, value: str) -> str:
    """Return what ``value``, ``@file`` or ``env:VARIABLE`` means; ``option`` names it in errors.

    Raises InvalidInputError.
    """
    if value.startswith("@"):
        path = Path(value[1:])
        try:
            return path.read_text("utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InvalidInputError(f"{option}: cannot read {path}: {reason}") from error
    if value.startswith("env:"):
        variable = value.removeprefix("env:")
        if variable not in os.environ:
            raise InvalidInputError(f"{option}: the environment variable {variable} is not set")
        value = os.environ[variable]
        if not _is_text(value):
            raise InvalidInputError(f"{option}: ${variable} is not UTF-8 text")
    return value


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:  # bytes that were no UTF-8 come as lone surrogates
        return False
    return True


def literal_fields(texts: Sequence[str]) -> set[str]:
    """Return the names of those fields whose value stands on the command line itself."""
    pairs = [text.partition("=") for text in texts]
    return {name.strip() for name, _, value in pairs if not value.startswith(("@", "env:"))}
