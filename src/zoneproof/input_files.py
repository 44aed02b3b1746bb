"""Opens files that people and settings name, and that may be anything, without waiting."""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path
from typing import BinaryIO

LARGEST = 1024 * 1024  # bytes
LARGEST_LIST = 16 * LARGEST  # of what can hold thousands of entries
# What a shell hands over: `<(command)` and what is piped into standard input.
_HANDED_OVER = re.compile(r"/dev/(?:stdin|fd/\d+)|/proc/self/fd/\d+")


def open_file(path: Path) -> BinaryIO:
    """Open a regular file, or a pipe that the shell handed over, for reading.

    Raises OSError, whose ``strerror`` is for people, also for a named pipe, which nobody may ever
    write to, for a folder and for a device.
    """
    try:
        file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115  the caller closes it
    except ValueError as error:
        raise OSError(errno.EINVAL, "no file can have this name") from error
    mode = os.fstat(file.fileno()).st_mode
    if stat.S_ISREG(mode):
        return file
    if stat.S_ISFIFO(mode) and _HANDED_OVER.fullmatch(str(path)):
        os.set_blocking(file.fileno(), True)
        return file
    file.close()
    kind = "a named pipe" if stat.S_ISFIFO(mode) else "a device"
    raise OSError(errno.EINVAL, f"it is {kind}, where a file is needed")


def read_file(path: Path, most: int = LARGEST) -> bytes:
    """Return a file's content. Raises OSError, also for more than ``most`` bytes."""
    with open_file(path) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise OSError(errno.EFBIG, f"it is larger than {most // 1024} KiB: is it the right file?")
    return data


def _without_waiting(path: str, flags: int) -> int:
    # Opening a named pipe would wait for somebody to write to it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
