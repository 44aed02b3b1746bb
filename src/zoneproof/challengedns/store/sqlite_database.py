"""The service's database in a SQLite file, or a node's replica: opened, written, looked at."""

from __future__ import annotations

import contextlib
import os
import pwd
import sqlite3
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from zoneproof.challengedns.ownership import acting_as_owner_of
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.announcements import Announcements, identity
from zoneproof.challengedns.store.database import NO_HOOKS, Database, Hooks
from zoneproof.core.errors import DamagedDatabaseError, StorageError
from zoneproof.core.sqlite_files import (
    is_mounted_read_only,
    lacks_room,
    read_only,
    storage_error,
)
from zoneproof.storage import (
    Migration,
    SqliteStore,
    Transaction,
    load_migrations,
    open_sqlite,
    open_sqlite_to_read,
    sqlite,
)
from zoneproof.storage.migrations import is_up_to_date, require_known
from zoneproof.storage.sqlite import SqliteTransaction

T = TypeVar("T")

ENGINE_VERSION = sqlite3.sqlite_version_info

COMPONENT = "zoneproof.challengedns"
_CHECK_BUSY_SECONDS = 5.0
_TRIED_BYTES = 65_536

_WAL_RESET_FIXED = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}
_WAL_RESET_FIXED_FOR_GOOD = (3, 51, 3)

# What is read after a commit, as DNS workers will: what has changed, and what is there now.
_CHANGED = (
    "SELECT COUNT(*), COUNT(r.disabled), COUNT(v.txt), MAX(v.expires_at) FROM challenge_change c"
    " LEFT JOIN challenge_registration r ON r.subdomain = c.subdomain"
    " LEFT JOIN challenge_value v ON v.subdomain = c.subdomain"
    " WHERE c.generation > ? AND c.is_new = 0"
)
_HAS_TABLES = "SELECT 1 FROM sqlite_master WHERE name = 'schema_version'"
_ANY_CHANGE = "SELECT 1 FROM challenge_change WHERE is_new = 0 LIMIT 1"


class SqliteDatabase(Database):
    """The database of the service, and the notice of its changes.

    Any number of processes may change it at once. When a write returns it is durable and can be
    read on another connection, and all DNS workers on this machine have been told if something
    that they know has changed: what they answer from then on holds the change. It is done and
    told even if its caller goes away meanwhile.
    """

    _store: SqliteStore

    def __init__(
        self, store: SqliteStore, path: Path, hooks: Hooks = NO_HOOKS, *, is_copy: bool = False
    ) -> None:
        """Use :func:`open_sqlite_database`, whose store announces its commits."""
        super().__init__(store, hooks)
        self.newest = 0
        """The generation of the newest change that an answer depends on, as far as this knows."""
        self.announcements = Announcements(path)
        self._path = path
        self._is_copy = is_copy  # of another database, from which it can be made again
        self._file = self._file_in_place()
        self._generation_seen = -1

    async def _confirm(self) -> None:
        await self._hooks.confirm(self.newest)

    async def _commit(self, work: Callable[[Transaction], T]) -> T:
        before = self.failure
        try:
            with self._timed("write"):
                result = await self._store.write(work, anyway=True)
        except StorageError as error:
            self.failure = error
            raise
        if self.failure is before:  # else another one failed that began later
            self.failure = None
        return result

    def write_and_wait(self, work: Callable[[Transaction], T]) -> T:
        """Do what :meth:`write` does for a caller in a thread of its own."""
        return self._store.write_and_wait(work)

    def require_readers(self) -> None:
        """Raise StorageError while what is written would not be answered."""
        self._hooks.require_readers()

    async def check(self) -> None:
        """Read from the database.

        Raises StorageError if that fails, if the last write did, or if the next one would not be
        answered.
        """
        self._hooks.require_readers()
        await self.read(rows.generation)
        if self.failure is not None:
            raise self.failure.with_traceback(None)  # else it would grow with each check

    def require_in_place(self) -> None:
        """Raise StorageError if the next start would find another file, or none."""
        there = self._file_in_place()
        if there == self._file:
            return
        what = "removed" if there is None else "replaced"
        if self._is_copy:
            help_ = "restart the service"
        else:
            help_ = (
                f"before you stop the service, put it back, or copy it from /proc/{os.getpid()}/fd"
                f" with {self._path}-wal"
            )
            if there is not None:
                help_ += "; to use the other one, delete that file once the service is stopped"
        raise StorageError(f"the database {self._path} was {what} while open: {help_}")

    def _file_in_place(self) -> tuple[int, int] | None:
        with contextlib.suppress(OSError):
            return identity(self._path.stat())
        return None

    async def verify(self) -> None:
        """Read the whole file. Raises DamagedDatabaseError if it does not hold together."""
        await self._store.read(lambda tx: _require_whole(tx, self._path))

    async def announce_missed(self) -> None:
        """Announce for a process that died between its commit and its announcement.

        Also what no worker knows anything of, which only changes the serial of the zones.
        """
        generation = await self.read(rows.generation)
        if generation != self._generation_seen:
            self._generation_seen = generation
            self.announcements.announce(generation)

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        await self._store.close()
        self.announcements.close()


def open_sqlite_database(
    database: Path,
    new_owner: pwd.struct_passwd | None = None,
    hooks: Hooks = NO_HOOKS,
    *,
    may_only_read: bool = False,
    migrations: Sequence[Migration] | None = None,
    durable: bool = True,
) -> SqliteDatabase:
    """Open a database and what announces its changes; root does so with its owner's rights.

    One that is missing is made, by root for ``new_owner``. With ``may_only_read`` it is opened on
    a full disk too. A node's replica has other ``migrations``, and is not ``durable``. Raises
    StorageError.
    """
    migrations = load_migrations(COMPONENT) if migrations is None else migrations
    with acting_as_owner_of(database, new_owner):
        notice = _Notice()
        store = open_sqlite(
            database,
            migrations,
            may_only_read=may_only_read,
            before_commit=notice.before_commit,
            after_commit=notice.after_commit,
            traces=_traces(database),
            durable=durable,
            may_repeat=True,  # as with PostgreSQL
        )
        opened = SqliteDatabase(store, database, hooks, is_copy=not durable)
        notice.database = opened
        return opened


class _SqliteToRead(Database):
    """A database that nothing is written to, and so nobody is told of."""

    async def _commit(self, work: Callable[[Transaction], T]) -> T:
        return await self._store.write(work)

    async def _confirm(self) -> None:
        pass

    async def check(self) -> None:
        await self.read(rows.generation)

    async def close(self) -> None:
        await self._store.close()


def open_sqlite_database_to_read(database: Path) -> Database:
    """Open a database for those who only read: it need not be writable. Raises StorageError."""
    with acting_as_owner_of(database):
        store = open_sqlite_to_read(database, load_migrations(COMPONENT), traces=_traces(database))
        return _SqliteToRead(store, NO_HOOKS)


def require_not_lost(database: Path) -> None:
    """Raise DamagedDatabaseError where a file that is missing or empty once had rows."""
    sqlite.require_not_lost(database, _traces(database))


def _traces(database: Path) -> list[Path]:
    return [Announcements.path(database)]


class _Notice:
    """Reads what a commit has changed, on a connection that is not the writer's, and tells of it.

    One commit may be that of many writes, and needs one notice. Nor is it asked for each of them
    whether there is anybody to answer with it.
    """

    database: SqliteDatabase

    def __init__(self) -> None:
        self._generation: int | None = None

    def before_commit(self) -> None:
        """Raise StorageError while nobody would answer with what is written."""
        self.database.require_readers()

    def after_commit(self, tx: Transaction) -> None:
        """Read and announce; the store's errors come out."""
        latest = rows.generation(tx)
        if self._generation is None:
            is_news = bool(tx.query(_ANY_CHANGE))
        else:
            is_news = bool(tx.query(_CHANGED, [self._generation])[0][0])
        self._generation = latest
        # No worker knows anything of a new name. Only the serial changes, which they learn with
        # the next change, or from announce_missed().
        if is_news:
            self.database.newest = latest
            self.database.announcements.announce(latest)


# --- what can be wrong with it -----------------------------------------------------------------


def _require_whole(tx: Transaction, database: Path) -> None:
    found = str(tx.query("PRAGMA quick_check(1)")[0][0])
    if found != "ok":
        raise DamagedDatabaseError(
            f"the database {database}: it is damaged: restore it from a backup"
            f" ({' '.join(found.split())})"  # some of SQLite's reports have two lines
        )


def try_out(database: Path, look: Callable[[Transaction], str]) -> tuple[str, str]:
    """Read a whole database and see that it can be written, but change nothing.

    Return what keeps only writes from working, or "", and what ``look`` says, unless the tables
    are those of an older Zoneproof. Raises StorageError if it cannot be used.
    """
    if is_mounted_read_only(database):
        raise read_only(database)
    migrations = load_migrations(COMPONENT)
    seen_there = ""
    try:
        with contextlib.closing(
            sqlite3.connect(
                f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=_CHECK_BUSY_SECONDS
            )
        ) as connection:
            connection.isolation_level = None
            tx = SqliteTransaction(connection)
            _require_whole(tx, database)
            has_tables = bool(tx.query(_HAS_TABLES))
            if has_tables:
                require_known(tx, migrations, str(database))
            connection.execute("BEGIN IMMEDIATE")
            if has_tables and is_up_to_date(tx, migrations):
                seen_there = look(tx)
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        failure = storage_error(database, error)
        if lacks_room(error):
            return failure.message, ""
        raise failure from error
    return _lack_of_room(database), seen_there


def _lack_of_room(database: Path) -> str:
    # A file without a name, because a transaction that is not committed needs no room.
    try:
        with tempfile.TemporaryFile(dir=database.parent, buffering=0) as file:
            file.write(bytes(_TRIED_BYTES))
            file.write(b"0")  # of the first, only what fitted may have been written
    except OSError as error:
        return (
            f"the database {database}: nothing can be written beside it ({error.strerror}): check"
            " the disk and its free space"
        )
    return ""


def fault_of_engine(version: tuple[int, int, int]) -> str:
    """Say it where SQLite has its "WAL-reset bug" (https://sqlite.org/wal.html#walresetbug)."""
    fixed = _WAL_RESET_FIXED.get(version[:2], _WAL_RESET_FIXED_FOR_GOOD)
    if version >= fixed:
        return ""
    return (
        f"SQLite {'.'.join(map(str, version))} has a bug that can, very rarely, damage a database"
        " when two programs write at the same time; 3.51.3 fixes it. Until your Python has that"
        " version, administer over the REST API, not with commands, while the service is busy, and"
        " keep backups"
    )
