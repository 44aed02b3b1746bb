"""Passwords as argon2 hashes: checked in a thread, few at once, since each check takes 64 MiB."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING

from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.text import with_extra

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, _LONGEST = 10, 1000  # characters
_AT_ONCE = 2
_turns = asyncio.Semaphore(_AT_ONCE)


async def hash_password(password: str) -> str:
    """Return the hash to store. Raises InvalidInputError for a password of unfit length."""
    if len(password) < SHORTEST:
        raise InvalidInputError(f"choose a password of at least {SHORTEST} characters")
    if len(password) > _LONGEST:
        raise InvalidInputError(f"choose a password of at most {_LONGEST} characters")
    async with _turns:
        return await asyncio.to_thread(_hasher().hash, password)


async def is_password(stored: str, password: str) -> bool:
    """Tell whether it is the password; an empty hash takes as long to check, and has none."""
    if len(password) > _LONGEST:
        return False
    async with _turns:
        return await asyncio.to_thread(_verify, stored, password)


def _verify(stored: str, password: str) -> bool:
    from argon2.exceptions import InvalidHashError, VerificationError

    try:
        return _hasher().verify(stored or _nobodys(), password) and bool(stored)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _hasher().hash("the password of nobody")


@cache
def _hasher() -> PasswordHasher:
    try:
        from argon2 import PasswordHasher
    except ImportError as error:
        raise ConfigError(f"passwords need the package argon2-cffi: {with_extra('web')}") from error
    return PasswordHasher()
