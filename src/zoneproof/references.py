"""Reads values that people give as the text itself, as ``@file`` or as ``env:VARIABLE``."""

from __future__ import annotations

import os
from pathlib import Path

from zoneproof.errors import InvalidInputError
from zoneproof.input_files import read_file


def read_reference(text: str, what: str) -> str:
    """Return the value that ``text`` means; ``what`` names it in errors.

    A file's last line end is dropped. Raises InvalidInputError, which never shows the value.
    """
    _require_text(text, f"{what}: its value")
    if text.startswith("@"):
        path = Path(text[1:])
        try:
            return read_file(path).decode().removesuffix("\n").removesuffix("\r")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
            raise InvalidInputError(f"{what}: cannot read {path}: {reason}") from error
    if text.startswith("env:"):
        variable = text.removeprefix("env:")
        value = os.environ.get(variable)
        if value is None:
            raise InvalidInputError(f"{what}: the environment variable {variable} is not set")
        _require_text(value, f"{what}: ${variable}")
        return value
    return text


def is_reference(text: str) -> bool:
    """Tell whether the value stands elsewhere, in a file or in the environment."""
    return text.startswith(("@", "env:"))


def _require_text(value: str, what: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError as error:  # bytes that were no UTF-8 come as lone surrogates
        raise InvalidInputError(f"{what} is not UTF-8 text") from error
