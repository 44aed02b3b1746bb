"""The default backend: one SQLite file in WAL mode, durable at every commit.

One thread writes, and commits what waits as one group, so that many small writes share a disk
flush. Readers have threads and connections of their own and never wait for the writer, nor a short
read for a long one.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from zoneproof.errors import StorageError
from zoneproof.storage.migrations import Migration, apply_migrations
from zoneproof.storage.store import Row, Transaction, Value

T = TypeVar("T")
_GROUP_LIMIT = 256
_READERS = 3
_BUSY_SECONDS = 15.0
_WAL_BYTES = 8 * 1024 * 1024

_HELP = {
    sqlite3.SQLITE_BUSY: "another process keeps it locked: stop that process or try again",
    sqlite3.SQLITE_READONLY: "it is read-only: give this user write permission for the file and"
    " its folder",
    sqlite3.SQLITE_FULL: "the disk is full: free some space",
    sqlite3.SQLITE_NOTADB: "it is no SQLite database: restore it from a backup or move it away",
    sqlite3.SQLITE_CORRUPT: "it is damaged: restore it from a backup",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened: check that the folder exists and that this user"
    " may write there",
    sqlite3.SQLITE_IOERR: "the disk reports an error: check it and its free space",
    sqlite3.SQLITE_PROTOCOL: "its file system does not lock files well: move it to a local disk",
}


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


class SqliteStore:
    """A SQLite file behind the Store protocol. Made by :func:`open_sqlite`."""

    def __init__(
        self, path: Path, writer: sqlite3.Connection, readers: Sequence[sqlite3.Connection]
    ) -> None:
        self.path = path
        self._writer = writer
        self._readers = tuple(readers)
        self._idle_readers: queue.SimpleQueue[sqlite3.Connection] = queue.SimpleQueue()
        for reader in readers:
            self._idle_readers.put(reader)
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._write_thread = threading.Thread(
            target=self._write_loop, name="zoneproof-store-writer", daemon=True
        )
        self._write_thread.start()
        self._read_pool = ThreadPoolExecutor(
            len(readers), thread_name_prefix="zoneproof-store-reader"
        )
        self._closed = False

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that sees one consistent state, and return its result."""
        self._check_open()
        return await asyncio.get_running_loop().run_in_executor(
            self._read_pool, self._read_now, work
        )

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction and return its result after a durable commit."""
        self._check_open()
        job = _Job(work)
        self._jobs.put(job)
        return cast("T", await asyncio.wrap_future(job.future))

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        if not self._closed:
            self._closed = True
            await asyncio.to_thread(self._finish)

    def _check_open(self) -> None:
        if self._closed:
            raise StorageError(f"the database {self.path} is closed already")

    def _finish(self) -> None:
        self._jobs.put(None)
        self._write_thread.join()
        self._read_pool.shutdown()
        for connection in (*self._readers, self._writer):
            connection.close()

    def _read_now(self, work: Callable[[Transaction], T]) -> T:
        reader = self._idle_readers.get_nowait()  # there are as many as threads
        try:
            reader.execute("BEGIN")
            return _run(work, reader)
        except sqlite3.Error as error:
            raise storage_error(self.path, error) from error
        finally:
            _roll_back(reader)
            self._idle_readers.put(reader)

    def _write_loop(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            group = [job]
            stop = False
            while len(group) < _GROUP_LIMIT:
                try:
                    following = self._jobs.get_nowait()
                except queue.Empty:
                    break
                if following is None:
                    stop = True
                    break
                group.append(following)
            self._commit_group([job for job in group if job.future.set_running_or_notify_cancel()])
            if stop:
                return

    def _commit_group(self, group: list[_Job]) -> None:
        done: list[tuple[_Job, Any]] = []
        try:
            self._writer.execute("BEGIN IMMEDIATE")
            for job in group:
                self._run_job(job, done)
            self._writer.execute("COMMIT")
        except BaseException as error:  # noqa: BLE001  else the thread ends and all wait for ever
            _roll_back(self._writer)
            for job in group:
                job.fail(self.path, error)
            return
        for job, result in done:
            job.future.set_result(result)

    def _run_job(self, job: _Job, done: list[tuple[_Job, Any]]) -> None:
        self._writer.execute("SAVEPOINT job")
        try:
            result = _run(job.work, self._writer)
        except BaseException as error:
            if not self._writer.in_transaction:
                raise  # SQLite gave up the whole group, as it does when the disk fails
            self._writer.execute("ROLLBACK TO job")
            job.fail(self.path, error)
        else:
            done.append((job, result))
        self._writer.execute("RELEASE job")


class _Job:
    def __init__(self, work: Callable[[Transaction], Any]) -> None:
        self.work = work
        self.future: Future[Any] = Future()

    def fail(self, path: Path, error: BaseException) -> None:
        if self.future.done():
            return
        if isinstance(error, sqlite3.Error):
            wrapped = storage_error(path, error)
            wrapped.__cause__ = error
            error = wrapped
        self.future.set_exception(error)


def _run(work: Callable[[Transaction], T], connection: sqlite3.Connection) -> T:
    try:
        return work(SqliteTransaction(connection))
    except StopIteration as error:
        # An asyncio future cannot carry this one: its caller would wait for ever.
        raise RuntimeError("StopIteration in a transaction") from error


def _roll_back(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):  # the error that led here is the one to tell
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def open_sqlite(path: Path, migrations: Sequence[Migration]) -> SqliteStore:
    """Open the file, create it (mode 0600) if it is missing, and bring its tables up to date.

    Raises StorageError, naming the file, when that cannot be done; a file from a newer version
    is left as it is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        _create(path)
        _require_writable(path)
        with ExitStack() as stack:
            writer = stack.enter_context(closing(_connect(path)))
            _set_up(writer, migrations, path)
            readers = [stack.enter_context(closing(_connect(path))) for _ in range(_READERS)]
            for reader in readers:
                reader.execute("PRAGMA query_only = ON")
            stack.pop_all()
    except OSError as error:
        raise StorageError(
            f"cannot open the database {path}: {error.strerror}; check the folder and its"
            " permissions"
        ) from error
    except sqlite3.Error as error:
        raise storage_error(path, error) from error
    return SqliteStore(path, writer, readers)


def _create(path: Path) -> None:
    # A file that exists is not touched: closing any descriptor of it would drop the locks of
    # every connection that this process has to it, and another process would delete its WAL.
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _require_writable(path: Path) -> None:
    # SQLite would make read-only files beside a read-only one, which stay in the way afterwards.
    effective = os.access in os.supports_effective_ids
    may = {mode: os.access(path, mode, effective_ids=effective) for mode in (os.R_OK, os.W_OK)}
    if may[os.R_OK] and not may[os.W_OK]:
        raise StorageError(f"the database {path}: {_HELP[sqlite3.SQLITE_READONLY]}")


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.absolute().as_uri()}?mode=rw",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def _set_up(writer: sqlite3.Connection, migrations: Sequence[Migration], path: Path) -> None:
    _enter_wal_mode(writer)
    writer.execute("PRAGMA synchronous = FULL")
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
            if _primary_code(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.01)
        else:
            return


def storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    """Say for people what SQLite said of the file."""
    return StorageError(f"the database {path}: {_HELP.get(_primary_code(error), str(error))}")


def _primary_code(error: sqlite3.Error) -> int:
    # Errors of Python's own, such as a wrong number of parameters, have no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
