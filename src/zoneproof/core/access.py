"""Owner, group and mode of files that others are to read, as people write them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import msgspec

from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import sanitize

_MODE = re.compile(r"0?[0-7]{3}")
_ALLOWED = 0o660  # of files with keys: nobody beyond owner and group, and nothing executable


class Access(msgspec.Struct, frozen=True):
    """Whose a file is, and its mode; None is what it would be anyway."""

    owner: int | None = None
    group: int | None = None
    mode: int | None = None

    def is_of(self, status: os.stat_result) -> bool:
        """Tell whether a file has this owner and group."""
        return self.owner in (None, status.st_uid) and self.group in (None, status.st_gid)

    def apply(self, descriptor: int, old: os.stat_result | None, mode: int) -> None:
        """Give an open file its owner and mode; what is not said is as of the ``old`` one.

        Raises OSError, where this user may not.
        """
        if os.name != "posix":
            return
        now = os.fstat(descriptor)
        owner = self.owner if self.owner is not None else old.st_uid if old else now.st_uid
        group = self.group if self.group is not None else old.st_gid if old else now.st_gid
        if (owner, group) != (now.st_uid, now.st_gid):
            os.fchown(descriptor, owner, group)
        os.fchmod(descriptor, mode)


ANYWAY = Access()


def read_access(owner: str, group: str, mode: str) -> Access:
    """Read a user's and a group's name or number, and an octal mode; empty says nothing.

    Raises InvalidInputError for what this machine does not know, and for a mode with which anybody
    could read a key.
    """
    return Access(_number("user", owner, _user), _number("group", group, _group), read_mode(mode))


def read_mode(text: str) -> int | None:
    """Read the octal mode of a file with a key, None for nothing. Raises InvalidInputError."""
    if not text:
        return None
    mode = int(text, 8) if _MODE.fullmatch(text) else 0
    if not mode & 0o400 or mode & ~_ALLOWED:
        raise InvalidInputError(
            f"'{sanitize(text)}' is not a mode for a private key: use 0600, 0640, 0440 or 0660"
        )
    return mode


def _user(name: str) -> int:
    import pwd

    return pwd.getpwnam(name).pw_uid


def _group(name: str) -> int:
    import grp

    return grp.getgrnam(name).gr_gid


def _number(kind: str, text: str, look_up: Callable[[str], int]) -> int | None:
    if not text:
        return None
    if text.isascii() and text.isdigit():
        return int(text)
    try:
        return look_up(text)
    except (ImportError, KeyError) as error:
        raise InvalidInputError(f"there is no {kind} '{sanitize(text)}' on this machine") from error
