"""Files with keys: written durably and for their owner alone; refused if others can read them."""

from __future__ import annotations

import errno
import os
import secrets
import shlex
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from zoneproof.errors import VaultError
from zoneproof.input_files import open_file

_MAX_BYTES = 65536


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
    if secret and os.name == "posix" and is_open_to_others(status):
        raise VaultError(
            f"{path} can be read by others: run `chmod 600 {shlex.quote(str(path))}`, and rotate"
            " the key if somebody may have read it"
        )
    return data.decode("ascii", "replace")


def is_open_to_others(status: os.stat_result) -> bool:
    """Tell whether anybody but the owner may use a file.

    Where root is the owner, its group may read: systemd and Kubernetes hand secrets in this way
    to a service that runs as another user.
    """
    allowed = 0o740 if status.st_uid == 0 else 0o700
    return bool(stat.S_IMODE(status.st_mode) & 0o777 & ~allowed)


def create(path: Path, text: str) -> None:
    """Create the file; if another process was faster, leave what it wrote. Raises VaultError."""

    def publish(temporary: Path) -> None:
        with suppress(FileExistsError):
            os.link(temporary, path)  # which, unlike a rename, replaces nothing

    try:
        _write(path, text, publish)
    except OSError as error:
        raise VaultError(
            f"cannot create {path}: {error.strerror}: make this possible, or create it yourself"
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
        _write_through(temporary, os.O_CREAT | os.O_EXCL, text)
        publish(temporary)
    finally:
        temporary.unlink(missing_ok=True)
    _flush_folder(path.parent)


def _write_through(path: Path, flags: int, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | flags, 0o600), "wb") as file:
        file.write(text.encode("ascii"))
        file.flush()
        os.fsync(file.fileno())


def _flush_folder(folder: Path) -> None:
    if os.name != "posix":  # where folders cannot be opened, nor need it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
