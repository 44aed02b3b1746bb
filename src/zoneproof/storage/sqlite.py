"""The default backend: one SQLite file in WAL mode, durable at every commit."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import TypeVar

import msgspec

from zoneproof.core.errors import DamagedDatabaseError, StorageError
from zoneproof.core.sqlite_files import (
    as_it_is,
    lacks_room,
    needing_files,
    primary_code,
    read_only,
    storage_error,
)
from zoneproof.storage.migrations import Migration, apply_migrations, is_up_to_date
from zoneproof.storage.store import Row, Transaction, Value
from zoneproof.storage.threaded_store import Job, ThreadedStore, run_work

T = TypeVar("T")


async def open_in_thread(opening: Callable[[], T], close: Callable[[T], Awaitable[None]]) -> T:
    """Return what ``opening`` returns, while the event loop continues with all else.

    If the caller is cancelled meanwhile, what has been opened is closed. Raises what ``opening``
    raises.
    """
    task = asyncio.ensure_future(asyncio.to_thread(opening))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        # The thread cannot be stopped, and nobody else will know of what it opens.
        with contextlib.suppress(Exception):
            await close(await task)
        raise


_READERS = 3
_BUSY_SECONDS = 15.0
_WAL_BYTES = 8 * 1024 * 1024


class SqliteTransaction:
    """A transaction on one connection (the Transaction protocol)."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        """Return all rows of a statement."""
        return self._connection.execute(sql, parameters).fetchall()

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        return self._connection.execute(sql, parameters).rowcount


class _Connections(msgspec.Struct, frozen=True):
    writer: sqlite3.Connection
    readers: tuple[sqlite3.Connection, ...]

    def close(self) -> None:
        for connection in (*self.readers, self.writer):
            connection.close()


class SqliteStore(ThreadedStore):
    """A SQLite file behind the Store protocol. Made by :func:`open_sqlite`."""

    def __init__(
        self,
        path: Path,
        connections: _Connections | None,
        open_again: Callable[[], _Connections],
        before_commit: Callable[[], object] | None = None,
        after_commit: Callable[[Transaction], object] | None = None,
        *,
        may_repeat: bool = False,
    ) -> None:
        self.path = path
        self._may_repeat = may_repeat
        self._connections = connections
        self._open_again = open_again
        self._before_commit = before_commit
        self._after_commit = after_commit
        self._idle_readers: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in range(_READERS):
            self._idle_readers.put(number)
        super().__init__(f"the database {path}", _READERS)

    @property
    def _writer(self) -> sqlite3.Connection:
        if self._connections is None:
            self._connections = self._open_again()
        return self._connections.writer

    def _close_connections(self) -> None:
        if self._connections is not None:
            self._connections.close()

    def _read_now(self, work: Callable[[Transaction], T]) -> T:
        number = self._idle_readers.get_nowait()  # there are as many as threads
        try:
            if self._connections is None:
                with as_it_is(self.path) as reader:
                    return _read_with(reader, work)
            return _read_with(self._connections.readers[number], work)
        except sqlite3.Error as error:
            raise storage_error(self.path, error) from error
        finally:
            self._idle_readers.put(number)

    def _commit_group(self, jobs: Sequence[Job]) -> None:
        if self._before_commit is not None:
            self._before_commit()
        writer = self._writer
        try:
            writer.execute("BEGIN IMMEDIATE")
            if not (self._may_repeat and _run_together(writer, jobs)):
                for job in jobs:
                    _run_apart(writer, job)
            writer.execute("COMMIT")
        except BaseException:
            _roll_back(writer)
            raise
        if self._after_commit is not None and self._connections is not None:
            _read_with(self._connections.readers[_READERS], self._after_commit)

    def _translated(self, error: BaseException) -> BaseException:
        if isinstance(error, sqlite3.Error):
            wrapped = storage_error(self.path, error)
            wrapped.__cause__ = error
            return wrapped
        return error


def _run_together(writer: sqlite3.Connection, jobs: Sequence[Job]) -> bool:
    """Do works, and tell whether each has succeeded, or has failed before it changed anything.

    If not, nothing is changed, and all are to be done again. That is rare, and to keep what it
    takes to undo one alone costs an update a twentieth of its time.
    """
    for job in jobs:
        before = writer.total_changes
        try:
            job.result = _run(job.work, writer)
        except BaseException as error:
            if not writer.in_transaction:
                raise  # SQLite gave up the whole group, as it does when the disk fails
            if writer.total_changes != before:
                writer.execute("ROLLBACK")
                writer.execute("BEGIN IMMEDIATE")
                return False
            job.error = error
    return True


def _run_apart(writer: sqlite3.Connection, job: Job) -> None:
    """Do a work, and undo it alone if it fails."""
    job.error = None
    writer.execute("SAVEPOINT job")
    try:
        job.result = _run(job.work, writer)
    except BaseException as error:
        if not writer.in_transaction:
            raise  # SQLite gave up the whole group, as it does when the disk fails
        writer.execute("ROLLBACK TO job")
        job.error = error
    writer.execute("RELEASE job")


def _read_with(reader: sqlite3.Connection, work: Callable[[Transaction], T]) -> T:
    try:
        reader.execute("BEGIN")
        return _run(work, reader)
    finally:
        _roll_back(reader)


def _run(work: Callable[[Transaction], T], connection: sqlite3.Connection) -> T:
    return run_work(work, SqliteTransaction(connection))


def _roll_back(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):  # the error that led here is the one to tell
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def open_sqlite(
    path: Path,
    migrations: Sequence[Migration],
    *,
    may_only_read: bool = False,
    before_commit: Callable[[], object] | None = None,
    after_commit: Callable[[Transaction], object] | None = None,
    traces: Sequence[Path] = (),
    durable: bool = True,
    may_repeat: bool = False,
) -> SqliteStore:
    """Open the file, create it (mode 0600) if it is missing, and bring its tables up to date.

    Raises StorageError, naming the file, when that cannot be done; a file from a newer version
    is left as it is. With ``may_only_read`` a full disk is none of the reasons as long as the
    tables are up to date: what is there is read, and every write tries again. ``before_commit`` is
    called before each group of writes, and ``after_commit`` after it, with a transaction that
    reads, on another connection; if one of them fails, so have the writes.
    ``traces`` are paths where something is once the tables were there: then a missing or empty
    file is a lost one, not one to begin with. What is not ``durable`` may lose its latest commits,
    or all, with the machine. Where works ``may_repeat``, one may be done again that shared a commit
    with one that failed: they do nothing but use the transaction.
    """

    def connect() -> _Connections:
        return _open(path, migrations, durable=durable)

    connections = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create(path, traces)
        _require_writable(path)
        connections = connect()
    except OSError as error:
        raise StorageError(
            f"cannot open the database {path}: {error.strerror}; check the folder and its"
            " permissions"
        ) from error
    except sqlite3.Error as error:
        if not (may_only_read and lacks_room(error) and _can_be_read(path, migrations)):
            raise storage_error(path, error) from error
    return SqliteStore(
        path, connections, connect, before_commit, after_commit, may_repeat=may_repeat
    )


def open_sqlite_to_read(
    path: Path, migrations: Sequence[Migration], *, traces: Sequence[Path] = ()
) -> SqliteStore:
    """Open the file for those who only read: nothing need be writable, and the disk may be full.

    A file that is not there is one without rows. Raises StorageError as :func:`open_sqlite` does.
    """
    require_not_lost(path, traces)
    if not path.exists():
        uri = f"file:{uuid.uuid4()}?mode=memory&cache=shared"
        connections = _open(path, migrations, uri)
        return SqliteStore(path, connections, lambda: connections)
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    if not writable and os.access(path, os.R_OK) and _can_be_read(path, migrations):
        return SqliteStore(path, None, lambda: _open(path, migrations))
    return open_sqlite(path, migrations, may_only_read=True, traces=traces)


def _open(
    path: Path, migrations: Sequence[Migration], uri: str = "", *, durable: bool = True
) -> _Connections:
    uri = uri or f"{path.absolute().as_uri()}?mode=rw"
    with ExitStack() as stack, needing_files(path):
        writer = stack.enter_context(closing(_connect(uri)))
        _set_up(writer, migrations, path, durable=durable)
        # One more than threads that read: the writing thread reads back with it.
        readers = [stack.enter_context(closing(_connect(uri))) for _ in range(_READERS + 1)]
        for reader in readers:
            reader.execute("PRAGMA query_only = ON")
        stack.pop_all()
    return _Connections(writer, tuple(readers))


def _can_be_read(path: Path, migrations: Sequence[Migration]) -> bool:
    try:
        with as_it_is(path) as connection:
            return is_up_to_date(SqliteTransaction(connection), list(migrations))
    except sqlite3.Error:
        return False


def require_not_lost(path: Path, traces: Sequence[Path]) -> None:
    """Raise DamagedDatabaseError if the file is missing or empty, and something tells of its rows.

    That is one of the ``traces`` of :func:`open_sqlite`, or SQLite's log.
    """
    # Traces first: what another process is making has its first page before it has any of them.
    anything = (*traces, path.with_name(f"{path.name}-wal"))
    found = [each for each in anything if os.access(each, os.F_OK)]
    is_there = os.access(path, os.F_OK)
    if not found or (is_there and path.stat().st_size):
        return
    what = "it is empty, but was not" if is_there else "it is missing, but was there"
    others = " and ".join(map(str, [path, *found] if is_there else found))
    raise DamagedDatabaseError(
        f"the database {path}: {what} when {found[0]} was made: restore it from a backup, or move"
        f" {others} away to start with a new one"
    )


def _create(path: Path, traces: Sequence[Path]) -> None:
    require_not_lost(path, traces)
    # A file that exists is not touched: closing any descriptor of it would drop the locks of
    # every connection that this process has to it, and another process would delete its WAL.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _require_writable(path: Path) -> None:
    # SQLite would make read-only files beside a read-only one, which stay in the way afterwards.
    effective = os.access in os.supports_effective_ids
    may = {mode: os.access(path, mode, effective_ids=effective) for mode in (os.R_OK, os.W_OK)}
    if may[os.R_OK] and not may[os.W_OK]:
        raise read_only(path)


def _connect(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(
        uri,
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _set_up(
    writer: sqlite3.Connection, migrations: Sequence[Migration], path: Path, *, durable: bool
) -> None:
    _enter_wal_mode(writer)
    writer.execute(f"PRAGMA synchronous = {'FULL' if durable else 'OFF'}")
    writer.execute("PRAGMA fullfsync = ON")  # macOS: fsync alone does not reach the disk
    writer.execute(f"PRAGMA journal_size_limit = {_WAL_BYTES}")
    writer.execute("BEGIN IMMEDIATE")
    apply_migrations(SqliteTransaction(writer), list(migrations), str(path))
    # Changes nothing, and fails now rather than at the first write if the file is read-only.
    writer.execute("DELETE FROM schema_version WHERE 0")
    writer.execute("COMMIT")
    # Only now: a migration that rebuilds a table would otherwise delete the rows that refer to it.
    writer.execute("PRAGMA foreign_keys = ON")


def _enter_wal_mode(connection: sqlite3.Connection) -> None:
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            # SQLite waits for some locks here, and not while another process creates the database.
            if primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return
