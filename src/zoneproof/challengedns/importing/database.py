"""Opens the database of an acme-dns, SQLite or PostgreSQL, and never writes to it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

from zoneproof.challengedns.importing.postgres import open_postgres
from zoneproof.challengedns.importing.source import SourceDatabase
from zoneproof.challengedns.importing.sqlite import open_sqlite_file
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import exists

_VERSIONS = ("0", "1")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")
_KEYWORDS = re.compile(r"\b(host|dbname|user|password)\s*=")
_VERSION = "SELECT Value FROM acmedns WHERE Name = 'db_version'"
_COUNT = "SELECT count(*) FROM records"


async def count_accounts(database: SourceDatabase) -> int:
    """Return how many accounts there are."""
    rows = await database.query(_COUNT)
    return int(str(rows[0][0]))


@asynccontextmanager
async def open_acme_dns(source: str) -> AsyncIterator[SourceDatabase]:
    """Open a SQLite file or a ``postgres://`` URL.

    Raises InvalidInputError or StorageError if it cannot be read, is not an acme-dns's, or a newer
    one's than is known.
    """
    async with _connect(source) as database:
        columns: defaultdict[str, set[str]] = defaultdict(set)
        for table, column in await database.schema():
            columns[str(table)].add(str(column))
        _require(database, columns, "records", {"username", "password", "subdomain", "allowfrom"})
        if "txt" not in columns and {"value", "lastactive"} <= columns["records"]:
            database.is_version_0 = True
        else:
            _require(database, columns, "txt", {"subdomain", "value", "lastupdate"})
        if "acmedns" in columns:
            await _check_version(database)
        yield database


def _connect(source: str) -> AbstractAsyncContextManager[SourceDatabase]:
    url = _URL.match(source)
    if url and url[1].lower() in {"postgres", "postgresql"}:
        return open_postgres(source)
    # What stands in these may be a password, so it is not repeated.
    if url:
        raise InvalidInputError(
            f"'{url[1]}://' is not an acme-dns database: give its SQLite file, or a URL that begins"
            " with postgres://"
        )
    if _KEYWORDS.search(source) and not exists(Path(source)):
        raise InvalidInputError(
            "write the PostgreSQL connection as a URL: postgres://user:password@host/database"
        )
    return open_sqlite_file(Path(source))


def _require(
    database: SourceDatabase, columns: defaultdict[str, set[str]], table: str, needed: set[str]
) -> None:
    if table not in columns:
        what = f"no table '{table}'"
    elif missing := needed - columns[table]:
        what = f"no column '{min(missing)}' in its table '{table}'"
    else:
        return
    raise InvalidInputError(
        f"{database.name} is not an acme-dns database: it has {what}; 'connection' in acme-dns's"
        " config.cfg says where its database is"
    )


async def _check_version(database: SourceDatabase) -> None:
    for (version,) in await database.query(_VERSION):
        if version not in _VERSIONS:
            raise InvalidInputError(
                f"{database.name} has the db_version {str(version)[:20]!r}, and this Zoneproof"
                f" knows {' and '.join(_VERSIONS)}: update Zoneproof; nothing was imported"
            )
