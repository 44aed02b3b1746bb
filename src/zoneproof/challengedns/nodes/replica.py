"""A node's replica: a SQLite file that its DNS workers read, and that can always be made anew."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from zoneproof.challengedns.store.announcements import Announcements
from zoneproof.challengedns.store.sqlite_database import SqliteDatabase, open_sqlite_database
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.errors import ConfigError, DamagedDatabaseError, StorageError
from zoneproof.core.files import flush_folder
from zoneproof.storage import Transaction, load_migrations

_KEPT_CHANGES = 20_000
_SWEEP_LIMIT = 1000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Change:
    """A change of the shared database: its number, what tells it from others with it, and whose."""

    generation: int
    stamp: float
    subdomain: str


@dataclass(frozen=True)
class SubdomainState:
    """What is answered for a subdomain: ``disabled`` is None if there is no registration.

    ``values`` are texts, when they expire, and the generation that published them.
    """

    subdomain: str
    disabled: bool | None
    values: tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class Peer:
    """Another node, and where its DNS is asked."""

    name: str
    address: str


class Replica:
    """The replica, opened. Its methods block, and raise StorageError."""

    def __init__(self, path: Path, clock: ValueClock | None = None) -> None:
        """Open the file, or make another one where it is damaged or missing.

        Raises ConfigError while another process has it: two nodes would answer for each other.
        """
        self.path = path
        self._lock = _locked(path)
        self._left = path.with_name(f"{path.name}.left")
        self._clock = clock or ValueClock()
        try:
            self.database = _open(path)
        except DamagedDatabaseError as error:
            _log.error("%s; making another replica", error.message)
            for each in (path, *path.parent.glob(f"{path.name}-*"), Announcements.path(path)):
                each.unlink(missing_ok=True)
            self.database = _open(path)
        if self.newest() is None:
            self.note_leaving()  # nobody knows of what it will hold

    async def close(self) -> None:
        """Release the file."""
        await self.database.close()
        self._lock.release()

    def newest(self) -> Change | None:
        """Return the newest change that it holds; None if it holds nothing."""
        return self.database.write_and_wait(newest_change)

    def apply(self, changes: Sequence[Change], states: Iterable[SubdomainState]) -> None:
        """Take over changes, in order, and what is answered after them; workers are told of it."""

        def work(tx: Transaction) -> None:
            for state in states:
                _take(tx, state)
            for each in changes:
                _note(tx, each)
            tx.execute("UPDATE challenge_generation SET generation = ?", [changes[-1].generation])

        self.database.write_and_wait(work)

    def replace(
        self,
        newest: Change,
        registrations: Iterable[tuple[str, int]],
        values: Iterable[tuple[str, str, int, int]],
    ) -> None:
        """Replace all by what another state of the database holds, up to its newest change."""

        def work(tx: Transaction) -> None:
            for table in ("registration", "value", "change"):
                tx.execute(f"DELETE FROM challenge_{table}")  # noqa: S608
            for row in registrations:
                tx.execute("INSERT INTO challenge_registration VALUES (?, ?)", row)
            for value in values:
                tx.execute("INSERT INTO challenge_value VALUES (?, ?, ?, ?)", value)
            _note(tx, newest)
            tx.execute(
                "UPDATE challenge_generation SET generation = ?, pruned = ?",
                [newest.generation, newest.generation],
            )

        self.database.write_and_wait(work)
        self.database.announcements.announce()

    def peers(self) -> list[Peer]:
        """Return the other nodes, as they were last known."""

        def work(tx: Transaction) -> list[Peer]:
            found = tx.query("SELECT name, address FROM replica_peer ORDER BY name")
            return [Peer(str(name), str(address)) for name, address in found]

        return self.database.write_and_wait(work)

    def set_peers(self, peers: Iterable[Peer]) -> None:
        """Remember the other nodes."""

        def work(tx: Transaction) -> None:
            tx.execute("DELETE FROM replica_peer")
            for peer in peers:
                tx.execute("INSERT INTO replica_peer VALUES (?, ?)", [peer.name, peer.address])

        self.database.write_and_wait(work)

    @property
    def has_left(self) -> bool:
        """Whether the others no longer heed what this node answers: it needs a lease first."""
        return self._left.exists()

    def note_leaving(self) -> None:
        """Let :attr:`has_left` be true, also after a loss of power."""
        with contextlib.suppress(OSError):
            descriptor = os.open(self._left, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            os.fsync(descriptor)
            os.close(descriptor)
            flush_folder(self._left.parent)

    def note_staying(self) -> None:
        """Let :attr:`has_left` be false."""
        with contextlib.suppress(OSError):
            self._left.unlink(missing_ok=True)

    def keep_value_time(self, now: int) -> None:
        """Continue value time from ``now`` at least."""

        def work(tx: Transaction) -> None:
            tx.execute(
                "INSERT INTO challenge_value_time (boot, ahead, seen) VALUES ('others', 0, ?)",
                [now],
            )
            self._clock.keep(tx)
            tx.execute("DELETE FROM challenge_value_time WHERE boot = 'others'")

        self.database.write_and_wait(work)

    def sweep(self) -> None:
        """Remove some of what is no longer of use."""

        def work(tx: Transaction) -> None:
            expired = tx.query(
                "SELECT subdomain, txt FROM challenge_value WHERE expires_at <= ? LIMIT ?",
                [self._clock.now(tx), _SWEEP_LIMIT],
            )
            for row in expired:
                tx.execute("DELETE FROM challenge_value WHERE subdomain = ? AND txt = ?", row)
            beyond = tx.query(
                "SELECT generation FROM challenge_change ORDER BY generation DESC LIMIT 1 OFFSET ?",
                [_KEPT_CHANGES],
            )
            if beyond:
                tx.execute("DELETE FROM challenge_change WHERE generation <= ?", beyond[0])
                tx.execute("UPDATE challenge_generation SET pruned = ?", beyond[0])

        self.database.write_and_wait(work)


def _locked(path: Path) -> BaseFileLock:
    lock = FileLock(path.with_name(f"{path.name}.lock"), timeout=0, mode=0o600, thread_local=False)
    try:
        lock.acquire()
    except Timeout as error:
        raise ConfigError(
            f"another node on this machine uses the replica {path}: give each its own"
            " 'node.replica'"
        ) from error
    except OSError as error:
        raise StorageError(f"cannot lock the replica {path}: {error.strerror}") from error
    return lock


def _open(path: Path) -> SqliteDatabase:
    return open_sqlite_database(
        path, migrations=load_migrations("zoneproof.challengedns.nodes"), durable=False
    )


def newest_change(tx: Transaction) -> Change | None:
    """Return the newest change in a replica, or in the database that nodes share."""
    found = tx.query(
        "SELECT generation, stamp, subdomain FROM challenge_change ORDER BY generation DESC LIMIT 1"
    )
    if not found:
        return None
    generation, stamp, subdomain = found[0]
    assert isinstance(stamp, float)
    return Change(int(str(generation)), stamp, str(subdomain))


def _take(tx: Transaction, state: SubdomainState) -> None:
    tx.execute("DELETE FROM challenge_value WHERE subdomain = ?", [state.subdomain])
    tx.execute("DELETE FROM challenge_registration WHERE subdomain = ?", [state.subdomain])
    if state.disabled is not None:
        tx.execute(
            "INSERT INTO challenge_registration VALUES (?, ?)",
            [state.subdomain, int(state.disabled)],
        )
    for txt, expires_at, generation in state.values:
        tx.execute(
            "INSERT INTO challenge_value VALUES (?, ?, ?, ?)",
            [state.subdomain, txt, expires_at, generation],
        )


def _note(tx: Transaction, change: Change) -> None:
    tx.execute(
        "INSERT INTO challenge_change (generation, subdomain, is_new, stamp) VALUES (?, ?, 0, ?)",
        [change.generation, change.subdomain, change.stamp],
    )
