"""Reads TOML files into typed structures, with errors that say which line or key is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TypeVar

import msgspec

from zoneproof.errors import ConfigError
from zoneproof.input_files import LARGEST_LIST, read_file

T = TypeVar("T")


def load_toml(path: Path, into: type[T]) -> T:
    """Read the file into a msgspec Struct (which should forbid unknown fields).

    Raises ConfigError, naming the file and the key.
    """
    try:
        data = tomllib.loads(read_file(path, LARGEST_LIST).decode("utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 text: save it as UTF-8") from error
    except (ValueError, RecursionError) as error:  # tomllib's own, and from absurd numbers, depths
        raise ConfigError(f"{path} is not valid TOML: {error}") from error
    return convert(data, into, str(path))


def convert(data: object, into: type[T], where: str) -> T:
    """Turn what TOML holds into a type. Raises ConfigError, naming ``where`` and the key."""
    try:
        return msgspec.convert(data, into)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{where}: {_for_people(str(error))}") from error


def _for_people(text: str) -> str:
    reason, _, where = text.partition(" - at `$")
    key = where.rstrip("`").lstrip(".")
    return f"'{key}': {reason}" if key else reason
