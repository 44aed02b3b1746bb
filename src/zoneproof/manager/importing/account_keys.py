"""Reads account keys from files, whichever client wrote them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from zoneproof.acme import AccountKey
from zoneproof.errors import InvalidInputError
from zoneproof.manager.importing.reading import read_file, read_json, unusable

_LONGEST_MEMBER = 1400  # characters: a number of 8192 bits, in base64url, has 1366


def pem_account_key(path: Path) -> AccountKey:
    """Read a PEM private key. Raises InvalidInputError."""
    return _read(path, AccountKey.from_pem)


def jwk_account_key(path: Path) -> AccountKey:
    """Read a private JSON Web Key. Raises InvalidInputError."""
    members = read_json(path, dict[str, Any])
    # Work with such numbers grows with the cube of their length.
    if any(len(value) > _LONGEST_MEMBER for value in members.values() if isinstance(value, str)):
        raise unusable(path, "its numbers are too long for an account key")
    return _read(path, AccountKey.from_jwk)


def _read(path: Path, parse: Callable[[bytes], AccountKey]) -> AccountKey:
    data = read_file(path)
    try:
        return parse(data)
    except InvalidInputError as error:
        raise unusable(path, error.message) from error
