"""The SQLite file of an acme-dns, which may be in use: read in short pages, without any write."""

from __future__ import annotations

import json
import sqlite3
from array import array
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

from zoneproof.challengedns.importing.source import PAGE, Row, SourceDatabase
from zoneproof.core.errors import InvalidInputError, StorageError
from zoneproof.core.files import open_file

_BUSY_SECONDS = 15.0

# Each page is a read of its own: one that lasted for the whole import would lock acme-dns out.
_SCHEMA = (
    "SELECT lower(t.name), lower(c.name) FROM sqlite_master t, pragma_table_info(t.name) c"
    " WHERE t.type = 'table'"
)
_ORDER = "SELECT rowid FROM records ORDER BY Subdomain"
_ACCOUNTS = (
    "SELECT Username, Password, Subdomain, AllowFrom FROM records"
    " WHERE rowid IN (SELECT value FROM json_each(?)) ORDER BY Subdomain"
)
_VALUES = (
    "SELECT rowid, Subdomain, Value, LastUpdate FROM txt"
    " WHERE rowid > ? AND Value <> '' ORDER BY rowid LIMIT ?"
)
_FIRST_VALUES = (
    "SELECT rowid, Subdomain, Value, LastActive FROM records"
    " WHERE rowid > ? AND Value <> '' ORDER BY rowid LIMIT ?"
)
_BEFORE_ALL = -(2**63)

_COPY = (
    "it cannot be read in place: stop acme-dns, copy it, with its -wal and -shm files if there are"
    " any, to a folder that you can write to, and give the copy"
)
_HELP = {
    sqlite3.SQLITE_READONLY_ROLLBACK: "acme-dns did not shut down cleanly:"
    " start and stop it once, then try again",
    sqlite3.SQLITE_READONLY: _COPY,
    sqlite3.SQLITE_CANTOPEN: _COPY,
    sqlite3.SQLITE_BUSY: "another program keeps it locked: try again",
    sqlite3.SQLITE_NOTADB: "it is not a SQLite database; 'connection' in acme-dns's config.cfg says"
    " where its database is",
    sqlite3.SQLITE_CORRUPT: "it is damaged: 'sqlite3 FILE .recover' may save what is in it",
}


@asynccontextmanager
async def open_sqlite_file(path: Path) -> AsyncIterator[SourceDatabase]:
    """Open the file read-only. Raises InvalidInputError if there is none that can be read."""
    with closing(_open(path)) as connection:
        connection.text_factory = _lenient_text
        yield _SqliteFile(path, connection)


class _SqliteFile:
    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.name = str(path)
        self.is_version_0 = False
        self._connection = connection

    async def schema(self) -> list[Row]:
        return self._fetch(_SCHEMA)

    async def query(self, sql: str) -> list[Row]:
        return self._fetch(sql)

    async def accounts(self) -> AsyncIterator[list[Row]]:
        # In this order the service's own indexes grow at their ends, which writes far less.
        order = array("q", (rowid for (rowid,) in self._fetch(_ORDER)))
        for start in range(0, len(order), PAGE):
            yield self._fetch(_ACCOUNTS, json.dumps(order[start : start + PAGE].tolist()))

    async def values(self) -> AsyncIterator[list[Row]]:
        sql = _FIRST_VALUES if self.is_version_0 else _VALUES
        last: object = _BEFORE_ALL
        while rows := self._fetch(sql, last, PAGE):
            yield [row[1:] for row in rows]
            last = rows[-1][0]

    def _fetch(self, sql: str, *parameters: object) -> list[Any]:
        with _told(self.name):
            return self._connection.execute(sql, parameters).fetchall()


def _open(path: Path) -> sqlite3.Connection:
    try:
        # SQLite would only say that it cannot.
        open_file(path).close()
    except OSError as error:
        raise InvalidInputError(
            f"cannot read acme-dns's database {str(path)!r}: {error.strerror}; 'connection' in its"
            " config.cfg says where it is"
        ) from error
    with _told(str(path)):
        return sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            timeout=_BUSY_SECONDS,
            isolation_level=None,
        )


def _lenient_text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


@contextmanager
def _told(name: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
        reason = _HELP.get(code) or _HELP.get(code & 0xFF) or str(error)
        raise StorageError(f"cannot read acme-dns's database {name}: {reason}") from error
