"""The PostgreSQL database of an acme-dns, read in one read-only transaction."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from zoneproof.challengedns.importing.database import PAGE, Database, Row
from zoneproof.core.errors import InvalidInputError, StorageError

_CONNECT_SECONDS = 10.0
_STATEMENT_SECONDS = 60.0

_SCHEMA = (
    "SELECT table_name, column_name FROM information_schema.columns"
    " WHERE table_schema = ANY (current_schemas(false))"
)
_ACCOUNTS = "SELECT username, password, subdomain, allowfrom FROM records ORDER BY subdomain"
_VALUES = "SELECT subdomain, value, lastupdate FROM txt WHERE value <> ''"
_FIRST_VALUES = "SELECT subdomain, value, lastactive FROM records WHERE value <> ''"

# Nothing of the URL is repeated: what cannot be told apart may be the password.
_NOT_UNDERSTOOD = (
    "the PostgreSQL URL cannot be understood: write it as"
    " postgres://user:password@host:5432/database, and special characters as %2F"
)


@asynccontextmanager
async def open_postgres(url: str) -> AsyncIterator[Database]:
    """Connect to a URL as acme-dns has it; asyncpg says which parameters it may have.

    The password may also be in ``PGPASSWORD`` or ``~/.pgpass``; no error shows it. Raises
    InvalidInputError and StorageError.
    """
    asyncpg = _asyncpg()
    parts = _split(url)
    name = parts.path.strip("/") or "its user's"
    where = f"PostgreSQL at {parts.hostname or 'its socket'}, database '{unquote(name)}'"
    login, _, host = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    with _told(asyncpg, f"cannot connect to {where}"):
        connection = await asyncpg.connect(
            parts._replace(netloc=host).geturl(),
            user=unquote(user) or None,
            password=unquote(password) or None,
            timeout=_CONNECT_SECONDS,
            command_timeout=_STATEMENT_SECONDS,
            statement_cache_size=0,  # a connection pooler may stand between
        )
    try:
        with _told(asyncpg, f"cannot read {where}"):
            await connection.transaction(isolation="repeatable_read", readonly=True).start()
        yield _Postgres(asyncpg, where, connection)
    finally:
        connection.terminate()


class _Postgres:
    def __init__(self, asyncpg: Any, name: str, connection: Any) -> None:
        self.name = name
        self._asyncpg = asyncpg
        self._connection = connection

    async def schema(self) -> list[Row]:
        return await self.query(_SCHEMA)

    async def query(self, sql: str) -> list[Row]:
        with self._told():
            return _rows(await self._connection.fetch(sql))

    def accounts(self) -> AsyncIterator[list[Row]]:
        return self._pages(_ACCOUNTS)

    def values(self, *, of_version_0: bool) -> AsyncIterator[list[Row]]:
        return self._pages(_FIRST_VALUES if of_version_0 else _VALUES)

    async def _pages(self, sql: str) -> AsyncIterator[list[Row]]:
        with self._told():
            cursor = await self._connection.cursor(sql)
        while True:
            with self._told():
                records = await cursor.fetch(PAGE)
            if not records:
                return
            yield _rows(records)

    def _told(self) -> AbstractContextManager[None]:
        return _told(self._asyncpg, f"cannot read {self.name}")


def _rows(records: Iterable[Iterable[object]]) -> list[Row]:
    return [tuple(record) for record in records]


def _asyncpg() -> Any:
    try:
        import asyncpg  # type: ignore[import-untyped]  # optional: the extra 'postgres'
    except ImportError as error:
        raise StorageError(
            "asyncpg, which reads PostgreSQL, is not installed: install 'zoneproof[postgres]'"
        ) from error
    return asyncpg


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        is_clear = parts.port is None or bool(parts.hostname)
    except ValueError:
        is_clear = False
    if not is_clear or "@" in parts.path + parts.query + parts.fragment:
        raise InvalidInputError(_NOT_UNDERSTOOD)
    return parts


@contextmanager
def _told(asyncpg: Any, what: str) -> Iterator[None]:
    try:
        yield
    except (asyncpg.ClientConfigurationError, ValueError) as error:
        raise InvalidInputError(_NOT_UNDERSTOOD) from error
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise StorageError(f"{what}: {' '.join(str(error).split())[:300]}") from error
    except OSError as error:
        raise StorageError(f"{what}: {_reason(error)}; check that it runs, and its port") from error


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    return error.strerror or str(error)
