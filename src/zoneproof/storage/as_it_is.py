"""Reads a SQLite file where nothing can be written beside it, as on a full disk.

A database in WAL mode needs two files beside it even to be read. Where they cannot be made, one
without a WAL is read as if it never changed, and one with a WAL by an index of it in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

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
