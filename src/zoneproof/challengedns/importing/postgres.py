"""The PostgreSQL database of an acme-dns, read in one read-only transaction."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from zoneproof.challengedns.importing.source import PAGE, Row, SourceDatabase
from zoneproof.core.errors import InvalidInputError, StorageError
from zoneproof.core.text import with_extra

_CONNECT_SECONDS = 10
_STATEMENT_SECONDS = 60
_SSL_MODES = frozenset({"", "disable", "allow", "prefer", "require", "verify-ca", "verify-full"})

_UNKNOWN_PARAMETER = re.compile(r'invalid URI query parameter: "(\w{1,30})"')
# Nothing of the URL is repeated: what cannot be told apart may be the password.
NOT_UNDERSTOOD = (
    "the PostgreSQL URL cannot be understood: write it as"
    " postgres://user:password@host:5432/database, and special characters as %2F"
)

_SCHEMA = (
    "SELECT table_name, column_name FROM information_schema.columns"
    " WHERE table_schema = ANY (current_schemas(false))"
)
_ACCOUNTS = "SELECT username, password, subdomain, allowfrom FROM records ORDER BY subdomain"
_VALUES = "SELECT subdomain, value, lastupdate FROM txt WHERE value <> ''"
_FIRST_VALUES = "SELECT subdomain, value, lastactive FROM records WHERE value <> ''"


@asynccontextmanager
async def open_postgres(url: str) -> AsyncIterator[SourceDatabase]:
    """Connect to a URL as acme-dns has it; libpq says which parameters it may have.

    The password may also be in ``PGPASSWORD`` or ``~/.pgpass``; no error shows it. Raises
    InvalidInputError and StorageError.
    """
    psycopg = _psycopg()
    parts = _split(url)
    name = parts.path.strip("/") or "its user's"
    where = f"PostgreSQL at {parts.hostname or 'its socket'}, database '{unquote(name)}'"
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    given = {"user": unquote(user), "password": unquote(password)}
    with _told(psycopg, f"cannot connect to {where}"):
        connection = await psycopg.AsyncConnection.connect(
            parts._replace(netloc=host).geturl(),
            **{key: value for key, value in given.items() if value},
            connect_timeout=_CONNECT_SECONDS,
            prepare_threshold=None,  # a connection pooler may stand between
        )
    try:
        with _told(psycopg, f"cannot read {where}"):
            await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
            await connection.set_read_only(True)
            await connection.execute(f"SET LOCAL statement_timeout = '{_STATEMENT_SECONDS}s'")
        yield _Postgres(psycopg, where, connection)
    finally:
        await connection.close()


class _Postgres:
    def __init__(self, psycopg: Any, name: str, connection: Any) -> None:
        self.name = name
        self.is_version_0 = False
        self._psycopg = psycopg
        self._connection = connection

    async def schema(self) -> list[Row]:
        return await self.query(_SCHEMA)

    async def query(self, sql: str) -> list[Row]:
        with self._told():
            cursor = await self._connection.execute(sql)
            return list(await cursor.fetchall())

    def accounts(self) -> AsyncIterator[list[Row]]:
        return self._pages("accounts", _ACCOUNTS)

    def values(self) -> AsyncIterator[list[Row]]:
        return self._pages("values", _FIRST_VALUES if self.is_version_0 else _VALUES)

    async def _pages(self, name: str, sql: str) -> AsyncIterator[list[Row]]:
        async with self._connection.cursor(name) as cursor:
            with self._told():
                await cursor.execute(sql)
            while True:
                with self._told():
                    found = await cursor.fetchmany(PAGE)
                if not found:
                    return
                yield list(found)

    def _told(self) -> AbstractContextManager[None]:
        return _told(self._psycopg, f"cannot read {self.name}")


def _psycopg() -> Any:
    try:
        import psycopg  # optional: the extra 'postgres'
    except ImportError as error:
        raise StorageError(
            f"psycopg, which talks to PostgreSQL, is not installed: {with_extra('postgres')}"
        ) from error
    return psycopg


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_clear = parts.port is None or bool(parts.hostname)
    except ValueError:
        is_clear = False
    if not is_clear or "@" in parts.path + parts.query + parts.fragment:
        raise InvalidInputError(NOT_UNDERSTOOD)
    try:
        parameters = dict(parse_qsl(parts.query, strict_parsing=bool(parts.query)))
    except ValueError:
        raise InvalidInputError(NOT_UNDERSTOOD) from None
    if parts.fragment or parameters.get("sslmode", "") not in _SSL_MODES:
        raise InvalidInputError(NOT_UNDERSTOOD)
    return parts


@contextmanager
def _told(psycopg: Any, what: str) -> Iterator[None]:
    try:
        yield
    except psycopg.ProgrammingError as error:
        if error.sqlstate is not None:
            raise StorageError(f"{what}: {_said(error)}") from error
        unknown = _UNKNOWN_PARAMETER.search(str(error))
        raise InvalidInputError(
            f"the PostgreSQL URL has an unknown parameter '{unknown[1]}'"
            if unknown
            else NOT_UNDERSTOOD
        ) from error
    except psycopg.Error as error:
        raise StorageError(f"{what}: {_said(error)}") from error


def _said(error: Exception) -> str:
    return " ".join(str(error).split())[:300]
