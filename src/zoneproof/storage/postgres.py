"""PostgreSQL behind the Store protocol, with psycopg in threads; imported only where it is used."""

from __future__ import annotations

import contextlib
import functools
import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from zoneproof.core.errors import (
    InvalidInputError,
    MissingPasswordError,
    StorageError,
    UnconfirmedChangeError,
)
from zoneproof.core.text import sanitize, with_extra
from zoneproof.storage.migrations import Migration, apply_migrations
from zoneproof.storage.store import Row, Transaction, Value
from zoneproof.storage.threaded_store import Job, ThreadedStore, run_work

try:
    import psycopg
    from psycopg import conninfo, errors
except ImportError as error:
    raise StorageError(
        f"psycopg, which talks to PostgreSQL, is not installed: {with_extra('postgres')}"
    ) from error

T = TypeVar("T")

Connection = psycopg.Connection[tuple[Any, ...]]

_READERS = 3
_MIGRATION_LOCK = 6_170_250_811  # any number, the same for all that migrate
# A process that stands still in the middle of a transaction must not hold its locks for ever.
_SESSION = (
    "-c idle_in_transaction_session_timeout=2000 -c lock_timeout=8000 -c statement_timeout=9000"
    " -c timezone=UTC"
)
_DEFAULTS: dict[str, Any] = {
    "application_name": "zoneproof",
    "connect_timeout": 3,
    "target_session_attrs": "read-write",
    "keepalives_idle": 2,
    "keepalives_interval": 1,
    "keepalives_count": 3,
    "tcp_user_timeout": 5000,
}
# Nothing of the URL is repeated: what cannot be told apart may be the password.
NOT_UNDERSTOOD = (
    "the PostgreSQL URL cannot be understood: write it as"
    " postgresql://user:password@host:5432/database, and special characters as %2F"
)


class PostgresServer:
    """Where a database is, and how to talk to it. ``name`` says it without the password.

    ``has_password`` tells whether that is in the URL.
    """

    def __init__(self, url: str) -> None:
        """Take a libpq URL. Raises InvalidInputError, which shows nothing of it."""
        try:
            found = conninfo.conninfo_to_dict(url)
        except psycopg.Error as error:
            raise InvalidInputError(NOT_UNDERSTOOD) from error
        if _is_misread(url, str(found.get("port") or "")):
            raise InvalidInputError(NOT_UNDERSTOOD)
        self.has_password = "password" in found
        options = " ".join(filter(None, [_SESSION, str(found.pop("options", "") or "")]))
        self._parameters = {**_DEFAULTS, **found, "options": options}
        host = found.get("host") or found.get("hostaddr") or "its local socket"
        database = found.get("dbname") or found.get("user")
        which = f"database '{database}'" if database else "the database of this user's name"
        self.name = sanitize(f"PostgreSQL at {host}, {which}")

    def connect(self) -> Connection:
        """Return a connection on which every statement is a transaction.

        Raises StorageError; MissingPasswordError where the server wants one.
        """
        try:
            return psycopg.connect(
                **self._parameters, autocommit=True, cursor_factory=psycopg.RawCursor
            )
        except psycopg.Error as error:
            if error.pgconn is not None and error.pgconn.needs_password:
                raise MissingPasswordError(
                    f"{self.name}: it wants a password: put it into a file that the URL names with"
                    " 'passfile=', or into PGPASSWORD"
                ) from error
            raise self.translated(error) from error

    def used_password(self) -> str:
        """Return the password with which it can be talked to, wherever that is; "" for none.

        Raises StorageError; MissingPasswordError where the server wants one that is nowhere.
        """
        with self.connect() as connection:
            return connection.info.password if connection.pgconn.used_password else ""

    @contextlib.contextmanager
    def errors(self) -> Iterator[None]:
        """Let errors of PostgreSQL come out as StorageError."""
        try:
            yield
        except psycopg.Error as error:
            raise self.translated(error) from error

    def translated(self, error: psycopg.Error) -> StorageError:
        """Say for people what PostgreSQL, or the way to it, said."""
        if isinstance(error, errors.DiskFull):
            what = "its disk is full: free some space"
        elif isinstance(error, errors.ReadOnlySqlTransaction):
            what = "it is read-only: connect to the primary server"
        elif isinstance(error, (errors.LockNotAvailable, errors.QueryCanceled)):
            what = "it is locked or overloaded: try again"
        elif isinstance(error, errors.InsufficientPrivilege):
            what = f"its user may not do that ({_first_line(error)}): grant it"
        else:
            what = _first_line(error)
        return StorageError(f"{self.name}: {what}")


def _is_misread(url: str, port: str) -> bool:
    """Tell whether a part of the password seems to have been read as something else.

    So it is where '@', '/' or ':' in it are not encoded; what is shown of a URL would show it.
    """
    authority, _, path = url.partition("://")[2].partition("/")
    ports = [each for each in port.split(",") if each]
    return (
        authority.count("@") > 1
        or "@" in path.partition("?")[0]
        or not all(each.isascii() and each.isdigit() for each in ports)
    )


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return sanitize(lines[0][:300]) if lines else type(error).__name__


@functools.lru_cache(1024)
def _numbered(sql: str) -> str:
    numbers = itertools.count(1)
    return "".join(f"${next(numbers)}" if each == "?" else each for each in sql)


def _storable(parameters: Sequence[Value]) -> list[Value] | None:
    """Return parameters without the one character that no text of PostgreSQL can have."""
    return [
        each.replace("\0", "\ufffd") if isinstance(each, str) else each for each in parameters
    ] or None


class PostgresTransaction:
    """A transaction on one connection (the Transaction protocol)."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Return all rows of a statement."""
        return self._connection.execute(_numbered(sql), _storable(parameters)).fetchall()

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        return max(self._connection.execute(_numbered(sql), _storable(parameters)).rowcount, 0)


class PostgresStore(ThreadedStore):
    """A PostgreSQL database. It need not be there when this is made; each call tries again.

    ``lock`` is a statement that begins every transaction that writes, so that those of all
    processes run one after the other. ``finish`` gets each such transaction before its commit, and
    returns what to do after it.
    """

    def __init__(
        self,
        server: PostgresServer,
        migrations: Sequence[Migration],
        *,
        lock: str,
        finish: Callable[[Transaction], Callable[[], None]] = lambda tx: lambda: None,  # noqa: ARG005
    ) -> None:
        self.server = server
        self._migrations = list(migrations)
        self._is_migrated = False
        self._migrating = threading.Lock()
        self._lock = lock
        self._finish = finish
        self._writer: Connection | None = None
        self._readers: queue.SimpleQueue[Connection | None] = queue.SimpleQueue()
        for _ in range(_READERS):
            self._readers.put(None)
        super().__init__(server.name, _READERS)

    def migrate(self) -> None:
        """Bring the tables up to date. Raises StorageError."""
        with self.server.connect() as connection:
            self._migrate(connection)

    def _close_connections(self) -> None:
        for connection in (self._writer, *(self._readers.get() for _ in range(_READERS))):
            if connection is not None:
                connection.close()

    def _connect(self) -> Connection:
        connection = self.server.connect()
        self._migrate(connection)
        return connection

    def _migrate(self, connection: Connection) -> None:
        with self._migrating, self.server.errors():
            if self._is_migrated:
                return
            tx = PostgresTransaction(connection)
            with connection.transaction():
                tx.query("SELECT pg_advisory_xact_lock(?)", [_MIGRATION_LOCK])
                apply_migrations(tx, self._migrations, self.server.name)
            self._is_migrated = True

    def _read_now(self, work: Callable[[Transaction], T]) -> T:
        connection = self._readers.get()
        try:
            for is_last in (connection is None, True):
                if connection is None or connection.closed:
                    connection = self._connect()
                try:
                    return self._read_on(connection, work)
                except psycopg.OperationalError as error:
                    if is_last or not connection.closed:
                        raise self.server.translated(error) from error
                except psycopg.Error as error:
                    raise self.server.translated(error) from error
            raise AssertionError("the last attempt returns or raises")
        finally:
            self._readers.put(connection)

    @staticmethod
    def _read_on(connection: Connection, work: Callable[[Transaction], T]) -> T:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            return run_work(work, PostgresTransaction(connection))
        finally:
            _roll_back(connection)

    def _commit_group(self, jobs: Sequence[Job]) -> None:
        was_connected = self._writer is not None
        try:
            self._commit(jobs)
        except _NothingCommittedError as error:
            if not was_connected:
                raise error.cause from error
            # The server was restarted, or another one took over, since the last commit.
            # What was refused stays so, whatever there is by now.
            try:
                self._commit([job for job in jobs if job.error is None])
            except _NothingCommittedError as again:
                raise again.cause from again

    def _commit(self, jobs: Sequence[Job]) -> None:
        if self._writer is None or self._writer.closed:
            self._writer = self._connect()
        writer = self._writer
        tx = PostgresTransaction(writer)
        try:
            try:
                writer.execute(f"BEGIN; {self._lock}; SAVEPOINT job")
                for job in jobs:
                    _run_job(writer, tx, job)
                after = self._finish(tx)
            except psycopg.OperationalError as error:
                if writer.closed:
                    raise _NothingCommittedError(error) from error
                raise
            try:
                writer.execute("COMMIT")
            except psycopg.OperationalError as error:
                if writer.closed:
                    raise UnconfirmedChangeError(
                        f"{self.server.name}: the connection was lost while it committed: what was"
                        " written may be stored"
                    ) from error
                raise
        except BaseException:
            _roll_back(writer)
            raise
        after()

    def _translated(self, error: BaseException) -> BaseException:
        if isinstance(error, psycopg.Error):
            wrapped = self.server.translated(error)
            wrapped.__cause__ = error
            return wrapped
        return error


class _NothingCommittedError(Exception):
    """The connection was lost before the commit was sent."""

    def __init__(self, cause: psycopg.Error) -> None:
        super().__init__(str(cause))
        self.cause = cause


def _run_job(writer: Connection, tx: PostgresTransaction, job: Job) -> None:
    try:
        job.result = run_work(job.work, tx)
    except BaseException as error:
        if writer.closed:
            raise
        writer.execute("ROLLBACK TO job")
        job.error = error
    else:
        writer.execute("RELEASE job; SAVEPOINT job")


def _roll_back(connection: Connection) -> None:
    with contextlib.suppress(psycopg.Error):  # the error that led here is the one to tell
        if not connection.closed:
            connection.rollback()
