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
        if name in fields:
            raise InvalidInputError(f"--field {name} is given twice: give it once")
        fields[name] = _value(name, value)
    return fields


def _value(name: str, value: str) -> str:
    if value.startswith("@"):
        path = Path(value[1:])
        try:
            return path.read_text("utf-8").removesuffix("\n").removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InvalidInputError(f"--field {name}: cannot read {path}: {reason}") from error
    if value.startswith("env:"):
        variable = value.removeprefix("env:")
        if variable not in os.environ:
            raise InvalidInputError(
                f"--field {name}: the environment variable {variable} is not set"
            )
        return os.environ[variable]
    return value
