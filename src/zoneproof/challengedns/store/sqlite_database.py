"""The service's database in a SQLite file: opened, read by DNS workers, looked at.

Also how DNS workers learn of changes of a file: their own machine's database, or a node's replica.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import mmap
import os
import pwd
import secrets
import sqlite3
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from zoneproof.challengedns.ownership import acting_as_owner_of
from zoneproof.challengedns.store import rows
from zoneproof.core.errors import DamagedDatabaseError, StorageError
from zoneproof.storage import (
    Migration,
    SqliteStore,
    Transaction,
    as_it_is,
    lacks_room,
    load_migrations,
    open_sqlite,
    storage_error,
)

T = TypeVar("T")

ENGINE_VERSION = sqlite3.sqlite_version_info

COMPONENT = "zoneproof.challengedns"
_BUSY_SECONDS = 0.5
_CHECK_BUSY_SECONDS = 5.0
_CACHE = -16_000  # KiB, when negative: keeps the upper levels of large indexes
_NOTICE_BYTES = 8

_WAL_RESET_FIXED = {(3, 44): (3, 44, 6), (3, 50): (3, 50, 7)}
_WAL_RESET_FIXED_FOR_GOOD = (3, 51, 3)

# What a DNS worker reads after a commit: which subdomains have changed, and what is there now.
_CHANGED = (
    "SELECT COUNT(*), COUNT(r.disabled), COUNT(v.txt), MAX(v.expires_at) FROM challenge_change c"
    " LEFT JOIN challenge_registration r ON r.subdomain = c.subdomain"
    " LEFT JOIN challenge_value v ON v.subdomain = c.subdomain"
    " WHERE c.generation > ? AND c.is_new = 0"
)
_ANY_CHANGE = "SELECT 1 FROM challenge_change WHERE is_new = 0 LIMIT 1"

_VALUES = (
    "SELECT r.disabled, v.txt, v.expires_at FROM challenge_registration r"
    " LEFT JOIN challenge_value v ON v.subdomain = r.subdomain"
    " WHERE r.subdomain = ?"
)
_PAGE = (
    "SELECT v.subdomain, v.txt, v.expires_at FROM challenge_value v"
    " JOIN challenge_registration r ON r.subdomain = v.subdomain"
    " WHERE v.subdomain > ? AND v.expires_at > ? AND r.disabled = 0 ORDER BY v.subdomain LIMIT ?"
)
# The plus keeps SQLite from an index of is_new that it would make of all changes for each read.
_CHANGES = (
    "SELECT g.generation, g.pruned, c.subdomain FROM challenge_generation g"
    " LEFT JOIN challenge_change c ON c.generation > ? AND +c.is_new = 0"
)

# What secondary servers are to hold: each in one statement, so that all is of one generation.
_NEWEST = "(SELECT MAX(generation) FROM challenge_change WHERE is_new = 0)"
_EVERYTHING = (
    f"SELECT g.generation, {_NEWEST}, r.subdomain, v.txt FROM challenge_generation g"  # noqa: S608
    " LEFT JOIN challenge_value v ON 1"
    " LEFT JOIN challenge_registration r ON r.subdomain = v.subdomain AND r.disabled = 0"
)
_CHANGED_VALUES = (
    "SELECT g.generation, g.pruned, c.generation, c.subdomain, r.disabled, v.txt"
    " FROM challenge_generation g"
    " LEFT JOIN challenge_change c ON c.generation > ? AND +c.is_new = 0"
    " LEFT JOIN challenge_registration r ON r.subdomain = c.subdomain"
    " LEFT JOIN challenge_value v ON v.subdomain = r.subdomain ORDER BY c.generation"
)

Observe = Callable[[Literal["read", "write", "confirm"], float], None]
"""Gets how long a transaction took, waiting included, in seconds.

``confirm`` is how long it took after the commit until all nodes and secondaries answered with a
change.
"""

Confirm = Callable[[int], Awaitable[None]]
"""Returns once the secondaries answer from a change, given by its generation.

Raises UnconfirmedChangeError if that takes too long.
"""


async def by_nobody(change: int) -> None:
    """Return at once: there are no secondaries to wait for."""


class SqliteDatabase:
    """The database of the service (the Database protocol), and the notice of its changes.

    Any number of processes may change it at once. When a write returns it is durable and can be
    read on another connection, and all DNS workers on this machine have been told if something
    that they know has changed: what they answer from then on holds the change. It is done and
    told even if its caller goes away meanwhile.
    """

    def __init__(
        self,
        store: SqliteStore,
        path: Path,
        *,
        observe: Observe | None = None,
        require_readers: Callable[[], None] = lambda: None,
        confirm: Confirm = by_nobody,
    ) -> None:
        """Use :func:`open_sqlite_database`, whose store announces its commits.

        ``require_readers`` raises StorageError while what is written would not be answered.
        """
        self.newest = 0
        """The generation of the newest change that an answer depends on, as far as this knows."""
        self._confirm = confirm
        self.announcements = Announcements(path)
        self.failure: StorageError | None = None
        """Why the last write failed, or None if it did not."""
        self._path = path
        self._file = self._file_in_place()
        self._store = store
        self._observe = observe or (lambda kind, seconds: None)  # noqa: ARG005
        self._require_readers = require_readers
        self._generation_seen = -1

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that sees one consistent state, and return its result."""
        start = time.perf_counter()
        try:
            return await self._store.read(work)
        finally:
            self._observe("read", time.perf_counter() - start)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction and return its result after commit and notice."""
        return await asyncio.shield(self._write(work))

    async def _write(self, work: Callable[[Transaction], T]) -> T:
        before = self.failure
        try:
            self._require_readers()
            start = time.perf_counter()
            try:
                result = await self._store.write(work)
            finally:
                self._observe("write", time.perf_counter() - start)
        except StorageError as error:
            self.failure = error
            raise
        if self.failure is before:  # else another one failed that began later
            self.failure = None
        if self._confirm is not by_nobody:
            start = time.perf_counter()
            try:
                await self._confirm(self.newest)
            finally:
                self._observe("confirm", time.perf_counter() - start)
        return result

    def write_and_wait(self, work: Callable[[Transaction], T]) -> T:
        """Do what :meth:`write` does for a caller in a thread of its own."""
        return self._store.write_and_wait(work)

    async def check(self) -> None:
        """Read from the database.

        Raises StorageError if that fails, if the last write did, or if the next one would not be
        answered.
        """
        self._require_readers()
        await self.read(rows.generation)
        if self.failure is not None:
            raise self.failure

    def require_in_place(self) -> None:
        """Raise StorageError if the next start would find another file, or none."""
        if self._file_in_place() != self._file:
            raise StorageError(
                f"the database {self._path} was replaced or removed while open: restart the service"
            )

    def _file_in_place(self) -> tuple[int, int] | None:
        with contextlib.suppress(OSError):
            return _identity(self._path.stat())
        return None

    async def verify(self) -> None:
        """Read the whole file. Raises DamagedDatabaseError if it does not hold together."""
        ((found,),) = await self._store.read(lambda tx: tx.query("PRAGMA quick_check(1)"))
        if found != "ok":
            raise DamagedDatabaseError(
                f"the database {self._path}: it is damaged: restore it from a backup ({found!s})"
            )

    async def announce_missed(self) -> None:
        """Announce for a process that died between its commit and its announcement.

        Also what no worker knows anything of, which only changes the serial of the zones.
        """
        generation = await self.read(rows.generation)
        if generation != self._generation_seen:
            self._generation_seen = generation
            self.announcements.announce()

    async def close(self) -> None:
        """Finish what was begun and release the database."""
        await self._store.close()
        self.announcements.close()


def open_sqlite_database(
    database: Path,
    new_owner: pwd.struct_passwd | None = None,
    *,
    may_only_read: bool = False,
    observe: Observe | None = None,
    require_readers: Callable[[], None] = lambda: None,
    confirm: Confirm = by_nobody,
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
            after_commit=notice.after_commit,
            traces=[Announcements.path(database)],
            durable=durable,
        )
        opened = SqliteDatabase(
            store,
            database,
            observe=observe,
            require_readers=require_readers,
            confirm=confirm,
        )
        notice.database = opened
        return opened


class _Notice:
    """Reads what a commit has changed, on a connection that is not the writer's, and tells of it.

    One commit may be that of many writes, and needs one notice.
    """

    database: SqliteDatabase

    def __init__(self) -> None:
        self._generation: int | None = None

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
            self.database.announcements.announce()


class Announcements:
    """Eight shared bytes beside the database, which change after every commit.

    Each announcement writes a number that was never there before. So whoever compares it with
    the one they saw last learns of every commit, however many processes write: no announcement
    can restore an old number and hide another.
    """

    def __init__(self, database: Path) -> None:
        """Open ``<database>.changed``, made with mode 0600 if it is missing.

        Raises StorageError.
        """
        self._path = self.path(database)
        self._file = os.fdopen(_open_announced(self._path), "r+b", buffering=0)

    @staticmethod
    def path(database: Path) -> Path:
        """Return where the file is."""
        return database.with_name(database.name + ".changed")

    def reopen(self) -> bool:
        """Open the file anew if another one, or none, has taken its place; tell whether.

        Then whoever has mapped the one before hears nothing more. One that was emptied in place is
        made whole. Raises StorageError.
        """
        opened = os.fstat(self._file.fileno())
        with contextlib.suppress(OSError):
            if _identity(self._path.stat(follow_symlinks=False)) == _identity(opened):
                if opened.st_size < _NOTICE_BYTES:
                    self.announce()
                return False
        successor = _open_announced(self._path)
        # In its place at once: another thread may be writing.
        os.dup2(successor, self._file.fileno(), inheritable=False)
        os.close(successor)
        return True

    def announce(self) -> None:
        """Tell that something was committed. Raises StorageError.

        Written and not stored into mapped memory: where somebody has emptied the file, that would
        end this process (SIGBUS), and this makes it whole.
        """
        try:
            os.pwrite(self._file.fileno(), secrets.token_bytes(_NOTICE_BYTES), 0)
        except OSError as error:
            raise StorageError(f"cannot write {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Release the file."""
        self._file.close()


def announced_number(database: Path) -> memoryview:
    """Map what :class:`Announcements` writes; ``[0]`` is what a DNS worker reads for each packet.

    That ends a process (SIGBUS) while the file is empty, because somebody has cut it short in
    place. It is a hundred times faster than a system call all the same, and the service starts
    another worker, which makes the file whole. Raises StorageError.
    """
    path = Announcements.path(database)
    descriptor = _open_announced(path)
    try:
        return memoryview(mmap.mmap(descriptor, _NOTICE_BYTES)).cast("Q")
    except (OSError, ValueError) as error:
        raise StorageError(f"cannot map {path}: {error}") from error
    finally:
        os.close(descriptor)


def _open_announced(path: Path) -> int:
    """Open the file of announcements for reading and writing, whole; return its descriptor."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            if os.fstat(descriptor).st_size < _NOTICE_BYTES:
                # Written rather than lengthened: on a full disk this fails, where a process that
                # looks at memory without a block of the disk behind it is killed. Nor is it zero,
                # which may be what a worker saw last before the file was emptied.
                os.pwrite(descriptor, secrets.token_bytes(_NOTICE_BYTES), 0)
        except OSError:
            os.close(descriptor)
            raise
    except OSError as error:
        what = f"{error.strerror}; check the folder and its permissions"
        if error.errno == errno.ELOOP:
            what = "it is a symbolic link, which Zoneproof never makes: remove it"
        raise StorageError(f"cannot open {path}: {what}") from error
    return descriptor


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino


# --- what DNS workers read ---------------------------------------------------------------------


@dataclass(frozen=True)
class RegistrationChanges:
    """What changed up to ``generation``; ``subdomains`` is None if that is no longer known."""

    generation: int
    subdomains: list[str] | None


@dataclass(frozen=True)
class ValueChanges:
    """What registrations that changed up to ``generation`` hold now.

    ``changes`` are generations and subdomains in order, ``""`` for the zones themselves; they are
    None if that is no longer known.
    """

    generation: int
    changes: list[tuple[int, str]] | None
    values: dict[str, tuple[str, ...]]


class Reader:
    """A read-only connection, opened at need and again after every failure.

    Its methods raise StorageError. The times that they take and return are behind those in the
    database by ``ahead`` seconds. For one thread at a time.
    """

    def __init__(self, database: Path, ahead: int = 0) -> None:
        self._database = database
        self._ahead = ahead
        self._connection: sqlite3.Connection | None = None

    def values(self, subdomain: str) -> list[tuple[str, int]] | None:
        """Return a registration's values and when each expires; None if there is none such."""
        found = self._query(_VALUES, subdomain)
        if not found:
            return None
        return [
            (txt, expires_at - self._ahead)
            for disabled, txt, expires_at in found
            if txt is not None and not disabled
        ]

    def page(self, after: str, now: int, limit: int) -> list[tuple[str, str, int]]:
        """Return up to ``limit`` live values (subdomain, text, expiry), ordered by subdomain."""
        found = self._query(_PAGE, after, now + self._ahead, limit)
        return [(subdomain, txt, expires_at - self._ahead) for subdomain, txt, expires_at in found]

    def changes_since(self, generation: int) -> RegistrationChanges:
        """Return which subdomains changed after a generation."""
        found = self._query(_CHANGES, generation)
        latest, pruned = found[0][:2]
        if generation < pruned:
            return RegistrationChanges(latest, None)
        return RegistrationChanges(
            latest, [subdomain for _, _, subdomain in found if subdomain is not None]
        )

    def all_values(self) -> tuple[int, int, dict[str, tuple[str, ...]]]:
        """Return the generation, the newest change, and the values of registrations that have any.

        These are the rows as they are: what has expired is gone once it is swept.
        """
        found = self._query(_EVERYTHING)
        values: dict[str, tuple[str, ...]] = {}
        for _, _, subdomain, txt in found:
            if subdomain is not None:
                values[subdomain] = (*values.get(subdomain, ()), txt)
        generation, newest = found[0][:2]
        return generation, generation if newest is None else newest, values

    def changed_values(self, generation: int) -> ValueChanges:
        """Return what changed after a generation, as :meth:`all_values` has it."""
        found = self._query(_CHANGED_VALUES, generation)
        latest, pruned = found[0][:2]
        if generation < pruned:
            return ValueChanges(latest, None, {})
        changes = {each: subdomain for _, _, each, subdomain, _, _ in found if each is not None}
        values: dict[str, dict[str, None]] = {subdomain: {} for subdomain in changes.values()}
        for _, _, _, subdomain, disabled, txt in found:
            if txt is not None and not disabled:
                values[subdomain][txt] = None
        return ValueChanges(
            latest,
            list(changes.items()),
            {subdomain: tuple(texts) for subdomain, texts in values.items() if subdomain},
        )

    def close(self) -> None:
        """Release the connection; the next question opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _query(self, sql: str, *parameters: str | int) -> list[tuple]:  # type: ignore[type-arg]
        try:
            if self._connection is None:
                self._connection = sqlite3.connect(
                    f"{self._database.absolute().as_uri()}?mode=ro",
                    uri=True,
                    timeout=_BUSY_SECONDS,
                    isolation_level=None,
                    check_same_thread=False,
                )
                self._connection.execute(f"PRAGMA cache_size = {_CACHE}")
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            self.close()
            if lacks_room(error):
                with contextlib.suppress(sqlite3.Error), as_it_is(self._database) as connection:
                    return connection.execute(sql, parameters).fetchall()
            raise storage_error(self._database, error) from error


# --- what can be wrong with it -----------------------------------------------------------------


def try_out(database: Path) -> str:
    """Read a whole database and see that it can be written, but change nothing.

    Return what keeps only writes from working, or "". Raises StorageError if it cannot be used.
    """
    try:
        with contextlib.closing(
            sqlite3.connect(
                f"{database.absolute().as_uri()}?mode=rw", uri=True, timeout=_CHECK_BUSY_SECONDS
            )
        ) as connection:
            connection.isolation_level = None
            damage = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            seen = dict(connection.execute("SELECT component, number FROM schema_version"))
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")
    except sqlite3.Error as error:
        failure = storage_error(database, error)
        if lacks_room(error):
            return failure.message
        raise failure from error
    if damage != "ok":
        raise DamagedDatabaseError(f"{database} is damaged: restore it from a backup ({damage})")
    newest = load_migrations(COMPONENT)[-1]
    if seen.get(newest.component, 0) > newest.number:
        raise StorageError(f"{database} was written by a newer Zoneproof: update Zoneproof")
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
