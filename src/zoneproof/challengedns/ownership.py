"""Lets root open the files of the service's user with that user's rights, and no more.

What root opens in a folder that another user may write follows links that this user has laid, and
what root makes there belongs to root, so that the service can no longer use it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import stat
import sys
from collections.abc import Iterator
from pathlib import Path

_CAPABILITY_VERSION = 0x20080522  # _LINUX_CAPABILITY_VERSION_3
_DAC_READ_SEARCH = 1 << 2


@contextlib.contextmanager
def acting_as(user: int, group: int, *, reaches_all: bool = False) -> Iterator[None]:
    """Let root open files as a user, in this thread and in those that it starts meanwhile.

    With ``reaches_all`` folders above, into which that user may not look, are no obstacle. Other
    threads, and all but files, stay root's. Nothing happens for others than root, and on systems
    other than Linux.
    """
    if sys.platform != "linux" or os.geteuid() != 0 or user == 0:
        yield
        return
    # setfsuid(2) is made for file servers: it takes root's power over files too.
    system = ctypes.CDLL(None)
    system.setfsgid(group)
    system.setfsuid(user)
    if reaches_all:
        _look_everywhere(system)
    try:
        yield
    finally:
        system.setfsuid(os.geteuid())
        system.setfsgid(os.getegid())


def acting_as_owner_of(
    database: Path, new_owner: pwd.struct_passwd | None = None
) -> contextlib.AbstractContextManager[None]:
    """Let root open a database, and what lies beside it, as the user who has put it there.

    One that is not there yet is to be made by ``new_owner``.
    """
    try:
        found = database.lstat()
        if stat.S_ISLNK(found.st_mode) and found.st_uid == 0:
            found = database.stat()  # root's own link is believed
    except OSError:
        if new_owner is None:
            return contextlib.nullcontext()
        return acting_as(new_owner.pw_uid, new_owner.pw_gid, reaches_all=True)
    return acting_as(found.st_uid, found.st_gid, reaches_all=True)


def _look_everywhere(system: ctypes.CDLL) -> None:
    """Give this thread back, of root's powers over files, that of looking into all folders."""
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    sets = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice, for 64 of them
    system.capget(header, sets)
    sets[0] |= sets[1] & _DAC_READ_SEARCH
    system.capset(header, sets)
