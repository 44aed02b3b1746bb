"""Files that people name, opened with bounds; files with keys, private from the first byte."""

from __future__ import annotations

import errno
import os
import re
import secrets
import shlex
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from zoneproof.core.errors import InvalidInputError, StorageError, VaultError
from zoneproof.core.text import sanitize

LARGEST = 1024 * 1024  # bytes
LARGEST_LIST = 16 * LARGEST  # of what can hold thousands of entries
# What a shell hands over: `<(command)` and what is piped into standard input.
_HANDED_OVER = re.compile(r"/dev/(?:stdin|fd/\d+)|/proc/self/fd/\d+")


# Where a folder above cannot be entered, methods of Path raise. Here the answer is no: who opens
# the file next can say why not.


def exists(path: Path) -> bool:
    """Tell whether something is there that this user can see."""
    return os.path.exists(path)  # noqa: PTH110


def is_file(path: Path) -> bool:
    """Tell whether this user can see a file there."""
    return os.path.isfile(path)  # noqa: PTH113


def is_folder(path: Path) -> bool:
    """Tell whether this user can see a folder there."""
    return os.path.isdir(path)  # noqa: PTH112


def is_link(path: Path) -> bool:
    """Tell whether this user can see a symbolic link there."""
    return os.path.islink(path)  # noqa: PTH114


def is_missing(path: Path) -> bool:
    """Tell whether there surely is nothing: not where this user cannot see what is there."""
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


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


def read_named(path: Path, most: int = LARGEST) -> bytes:
    """Return the content of a file that a person named. Raises InvalidInputError."""
    try:
        return read_file(path, most)
    except OSError as error:
        raise InvalidInputError(f"cannot read {path}: {error.strerror}") from error


def _without_waiting(path: str, flags: int) -> int:
    # Opening a named pipe would wait for somebody to write to it.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


_MAX_BYTES = 65536


def stamp(path: Path) -> object:
    """Return what is another value once the file has changed; None for one that is missing."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ino, status.st_size


def read(path: Path, *, secret: bool) -> str | None:
    """Return the text of a file, or None if there is none.

    Raises VaultError if it cannot be read, or if it is ``secret`` and can be read by others.
    """
    try:
        with open_file(path) as file:
            status = os.fstat(file.fileno())
            data = file.read(_MAX_BYTES)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise VaultError(f"cannot read {path}: {error.strerror}") from error
    if secret and (text := exposure(path, status)):
        raise VaultError(f"{text}, and rotate the key if somebody may have read it")
    return data.decode("ascii", "replace")


def exposure(path: Path, status: os.stat_result) -> str:
    """Say that anybody but the owner may use a file with a secret, and what to do; empty if not.

    Where root is the owner, its group may read: systemd and Kubernetes hand secrets in this way
    to a service that runs as another user.
    """
    allowed = 0o740 if status.st_uid == 0 else 0o700
    if os.name != "posix" or not stat.S_IMODE(status.st_mode) & 0o777 & ~allowed:
        return ""
    return f"{path} can be read by others: run `chmod 600 {shlex.quote(str(path))}`"


def create(path: Path, text: str) -> None:
    """Create the file; if another process was faster, leave what it wrote. Raises VaultError."""

    def publish(temporary: Path) -> None:
        with suppress(FileExistsError):
            os.link(temporary, path)  # which, unlike a rename, replaces nothing

    try:
        _write(path, text, publish)
    except OSError as error:
        raise VaultError(
            f"cannot create {path}: {error.strerror}: fix this, or create it yourself"
            f" with `(umask 077; openssl rand -base64 32 > {shlex.quote(str(path))})`"
        ) from error


def replace(path: Path, text: str) -> None:
    """Give the file new contents, all or nothing. Raises VaultError."""
    try:
        _write(path, text, lambda temporary: temporary.replace(path))
    except OSError as error:
        raise VaultError(f"cannot write {path}: {error.strerror}") from error


def append(path: Path, text: str) -> None:
    """Add a line to a file, all of it or nothing. Raises VaultError.

    Nothing is replaced, so that of two processes that add at once neither loses its line.
    """
    line = f"\n{text}".encode("ascii")
    try:
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "wb", buffering=0) as file:
            before = os.fstat(file.fileno()).st_size
            if file.write(line) != len(line):  # half a key would make all of them unreadable
                file.truncate(before)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            os.fsync(file.fileno())
    except OSError as error:
        raise VaultError(f"cannot write {path}: {error.strerror}") from error


def _write(path: Path, text: str, publish: Callable[[Path], object]) -> None:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        create_private(temporary, text.encode("ascii"))
        publish(temporary)
    finally:
        temporary.unlink(missing_ok=True)
    flush_folder(path.parent)


def create_private(path: Path, data: bytes) -> None:
    """Create a file for this user alone, and wait until the disk has it. Raises OSError."""
    with os.fdopen(_create(path), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def flush_folder(folder: Path) -> None:
    """Wait until the disk has what was made, renamed and removed in the folder. Raises OSError."""
    if os.name != "posix":  # where folders cannot be opened, nor need it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_new(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all; replace none.

    Raises InvalidInputError if there is one, or none can be made there, and StorageError.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        # An empty file of ours reserves the name, because a rename would replace another's.
        os.close(_create(path))
    except FileExistsError as error:
        raise exists_already(path) from error
    except OSError as error:
        raise InvalidInputError(
            f"cannot create {path}: {error.strerror}; name a file where this user may write"
        ) from error
    try:
        create_private(temporary, data)
        temporary.replace(path)
    except BaseException as error:
        for left in (temporary, path):
            left.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise StorageError(f"cannot write {path}: {error.strerror}") from error
        raise


def link_or_copy(path: Path, new: Path) -> None:
    """Give a file a second name; where there are no links, a copy with its mode and owner.

    Raises InvalidInputError, StorageError and OSError.
    """
    try:
        os.link(path, new)
    except OSError:  # such as in some folders that containers share
        write_new(new, path.read_bytes())
        status = path.stat()
        with suppress(OSError):  # nor owners
            os.chown(new, status.st_uid, status.st_gid)
        new.chmod(stat.S_IMODE(status.st_mode))


def exists_already(path: Path) -> InvalidInputError:
    """Return the error for a file that would have to be replaced."""
    return InvalidInputError(f"{path} already exists: name another file, or move it away")


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def absolute_path(field: str, text: str) -> Path:
    """Return the path. A relative one is refused: orders run in whatever folder is the current.

    Raises InvalidInputError.
    """
    path = Path(text)
    if not path.is_absolute() or "\0" in text:
        raise InvalidInputError(f"{field} must be an absolute path, not '{sanitize(text)}'")
    return path
