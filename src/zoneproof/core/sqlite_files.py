"""SQLite's files: read as they are, without making one, and what is wrong with them in words."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from zoneproof.core.errors import DamagedDatabaseError, ExhaustedError, StorageError
from zoneproof.core.files import is_folder

HELP = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked: stop that process or try again",
    sqlite3.SQLITE_READONLY: "it is read-only: give this user write permission for the file and"
    " its folder",
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_NOTADB: "it is not a SQLite database: restore it from a backup or move it away",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore it from a backup",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the folder exists and that this user"
    " may write there",
    sqlite3.SQLITE_IOERR: "the disk reports an error: check it and its free space",
    sqlite3.SQLITE_PROTOCOL: "its file system does not lock files well: move it to a local disk",
}
_MOUNTED_READ_ONLY = (
    "its file system is mounted read-only: mount it for writing, or choose another place"
)
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NO_ROOM = {
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_READONLY,
}


def lacks_room(error: sqlite3.Error) -> bool:
    """Tell whether SQLite failed for what a full disk leads to, among other things."""
    return primary_code(error) in _NO_ROOM


def primary_code(error: sqlite3.Error) -> int:
    """Return SQLite's result code without its details (https://sqlite.org/rescode.html)."""
    # Errors of Python's own, such as a wrong number of parameters, have no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF


@contextmanager
def as_it_is(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database for one transaction that only reads, and makes no file.

    Raises sqlite3.Error, also if another process has changed it meanwhile; then nothing that was
    read counts.
    """
    path = path.resolve()
    before = _stamp(path)
    wal = path.with_name(f"{path.name}-wal")
    how = "readonly_shm=1" if wal.exists() and wal.stat().st_size else "immutable=1"
    with closing(
        sqlite3.connect(
            f"{path.as_uri()}?mode=ro&{how}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
    ) as connection:
        yield connection
    if _stamp(path) != before:
        raise sqlite3.OperationalError("the database was changed while it was read")


def _stamp(path: Path) -> list[tuple[int, int, int]]:
    found = []
    for each in (path, path.with_name(f"{path.name}-wal")):
        try:
            state = each.stat()
        except FileNotFoundError:
            continue
        if state.st_size:
            found.append((state.st_ino, state.st_size, state.st_mtime_ns))
    return found


def storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    """Say for people what SQLite said of the file."""
    code = primary_code(error)
    if code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN) and _is_full(path.parent):
        code = sqlite3.SQLITE_FULL  # for which SQLite fails in several ways
    if is_folder(path):
        return StorageError(f"the database {path}: it is a directory: name a file in it")
    if code in _NO_ROOM and is_mounted_read_only(path):
        return read_only(path)
    kind = DamagedDatabaseError if code in _DAMAGED else StorageError
    exhausted = _opens_nothing() if code == sqlite3.SQLITE_CANTOPEN else None
    help_ = exhausted.message if exhausted else HELP.get(code, str(error))
    return kind(f"the database {path}: {help_}")


@contextmanager
def needing_files(path: Path) -> Iterator[None]:
    """Raise StorageError where SQLite fails because this process can open no file at all.

    That is told while what has been opened before is open, as nobody can tell afterwards.
    """
    try:
        yield
    except sqlite3.Error as error:
        if _opens_nothing():
            raise storage_error(path, error) from error
        raise


def _opens_nothing() -> ExhaustedError | None:
    """Say why this process can open no file at all; None if it can."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return ExhaustedError.of(error)
    return None


def read_only(path: Path) -> StorageError:
    """Return the error for a file that cannot be written, with what helps."""
    mounted = is_mounted_read_only(path)
    help_ = _MOUNTED_READ_ONLY if mounted else HELP[sqlite3.SQLITE_READONLY]
    return StorageError(f"the database {path}: {help_}")


def is_mounted_read_only(path: Path) -> bool:
    """Tell whether nobody can write there, whatever the permissions are."""
    for each in (path, path.parent):
        try:
            if os.statvfs(each).f_flag & os.ST_RDONLY:
                return True
        except (OSError, AttributeError):  # Windows has no such call
            continue
    return False


def _is_full(folder: Path) -> bool:
    try:
        found = os.statvfs(folder)
    except (OSError, AttributeError):  # Windows has no such call
        return False
    return not found.f_bavail or bool(found.f_files and not found.f_favail)
