"""The default backend: one SQLite file in WAL mode, durable at every commit.

One thread writes, and commits what waits as one group, so that many small writes share a disk
flush. Readers have a thread and a connection of their own and never wait for the writer.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar, cast

from zoneproof.errors import StorageError, ZoneproofError
from zoneproof.storage.migrations import Migration, apply_migrations
from zoneproof.storage.store import Row, Transaction, Value

T = TypeVar("T")
_GROUP_LIMIT = 256
_BUSY_SECONDS = 15.0

_HELP = {
    "database is locked": "another process keeps it locked: stop that process or try again",
    "attempt to write a readonly database": "it is read-only: give this user write permission",
    "database or disk is full": "the disk is full: free some space",
    "file is not a database": "it is no SQLite database: restore it from a backup or move it away",
    "database disk image is malformed": "it is damaged: restore it from a backup",
    "unable to open database file": "it cannot be opened: check that the folder exists and that"
    " this user may write there",
    "disk I/O error": "the disk reports an error: check it and its free space",
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

    def __init__(self, path: Path, writer: sqlite3.Connection, reader: sqlite3.Connection) -> None:
        self.path = path
        self._writer = writer
        self._reader = reader
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._write_thread = threading.Thread(
            target=self._write_loop, name="zoneproof-store-writer", daemon=True
        )
        self._write_thread.start()
        self._read_pool = ThreadPoolExecutor(1, thread_name_prefix="zoneproof-store-reader")
        self._closed = False

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that sees one consistent state, and return its result."""
        return await asyncio.get_running_loop().run_in_executor(
            self._read_pool, self._read_now, work
        )

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction and return its result after a durable commit."""
        if self._closed:
            raise StorageError(f"{self.path} is closed")
        job = _Job(work)
        self._jobs.put(job)
        return cast("T", await asyncio.wrap_future(job.future))

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        if self._closed:
            return
        self._closed = True
        self._jobs.put(None)
        await asyncio.to_thread(self._write_thread.join)
        await asyncio.to_thread(self._read_pool.shutdown)
        self._reader.close()
        self._writer.close()

    def _read_now(self, work: Callable[[Transaction], T]) -> T:
        try:
            self._reader.execute("BEGIN")
            try:
                return work(SqliteTransaction(self._reader))
            finally:
                self._reader.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise storage_error(self.path, error) from error

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
                self._writer.execute("SAVEPOINT job")
                try:
                    result = job.work(SqliteTransaction(self._writer))
                except sqlite3.OperationalError:
                    raise
                except BaseException as error:  # noqa: BLE001  handed to the caller who waits
                    self._writer.execute("ROLLBACK TO job")
                    job.fail(self.path, error)
                else:
                    done.append((job, result))
                self._writer.execute("RELEASE job")
            self._writer.execute("COMMIT")
        except sqlite3.Error as error:
            if self._writer.in_transaction:
                self._writer.execute("ROLLBACK")
            for job in group:
                job.fail(self.path, error)
            return
        for job, result in done:
            job.future.set_result(result)


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


def open_sqlite(path: Path, migrations: Sequence[Migration]) -> SqliteStore:
    """Open the file, create it (mode 0600) if it is missing, and bring its tables up to date.

    Raises StorageError, naming the file, when that cannot be done; a file from a newer version
    is left as it is.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StorageError(
            f"cannot open the database {path}: {error.strerror}; check the folder and its"
            " permissions"
        ) from error
    writer = _connect(path)
    try:
        writer.execute("PRAGMA journal_mode = WAL")
        writer.execute("PRAGMA synchronous = FULL")
        writer.execute("PRAGMA foreign_keys = ON")
        writer.execute("BEGIN IMMEDIATE")
        apply_migrations(SqliteTransaction(writer), list(migrations), str(path))
        writer.execute("COMMIT")
        reader = _connect(path)
        reader.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        writer.close()
        raise storage_error(path, error) from error
    except ZoneproofError:
        writer.close()
        raise
    return SqliteStore(path, writer, reader)


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        path, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
    )


def storage_error(path: Path, error: sqlite3.Error) -> StorageError:
    """Say for people what SQLite said of the file."""
    text = str(error)
    return StorageError(f"the database {path}: {_HELP.get(text, text)}")
