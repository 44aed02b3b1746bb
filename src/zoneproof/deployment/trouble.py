"""What the operating system refuses, as a line for people: the path, the cause, and what to do."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from zoneproof.core.errors import DeploymentError
from zoneproof.core.text import sanitize

_ADVICE: Mapping[int, str] = {
    errno.EACCES: "give this user the right to do so",
    errno.EPERM: "give this user the right to do so",
    errno.EROFS: "mount it for writing, or name another folder; in a systemd unit, ReadWritePaths="
    " allows it",
    errno.ENOSPC: "make room on it",
    errno.EDQUOT: "make room, or raise this user's quota",
    errno.ENOENT: "create what is missing",
    errno.EIO: "check the disk",
}
# What a look at the folder says more clearly.
_OF_PLACES = (errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM)
_OTHERWISE = "once that is changed, 'zoneproof deploy' tries again"


@contextmanager
def os_errors_told() -> Iterator[None]:
    """Raise DeploymentError for whatever the operating system refuses to a task."""
    try:
        yield
    except OSError as error:
        path = sanitize(os.fsdecode(error.filename)) if isinstance(error.filename, str) else ""
        raise DeploymentError(f"{path}{': ' * bool(path)}{reason_of(error)}") from error


def reason_of(error: OSError) -> str:
    """Return why the operating system refused something, and what to do."""
    reason = sanitize(error.strerror or str(error) or type(error).__name__)
    return f"{reason}: {_ADVICE.get(error.errno or 0, _OTHERWISE)}"


def cannot_write(path: Path, error: OSError) -> DeploymentError:
    """Return the error for a file that could not be written."""
    reason = reason_of(error)
    if error.errno in _OF_PLACES:
        reason = place_problem(path) or reason
    return DeploymentError(f"cannot write {path}: {reason}")


def place_problem(path: Path) -> str:
    """Return why no file can be written at a path, empty if one can; nothing is changed."""
    folder = path.parent
    try:
        is_folder = stat.S_ISDIR(folder.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        is_folder = False
    except OSError as error:
        return f"{folder}: {reason_of(error)}"
    if not is_folder:
        return f"{folder} is not a directory: create it"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"this user may not write to {folder}"
    return f"{path} is a directory, where a file is to be written" if path.is_dir() else ""
