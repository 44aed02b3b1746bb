"""The challenge service as the benchmarks run it: configuration, database, processes."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import select
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from bench._accounts import Account, account, value
from bench._processes import cpu_seconds, memory
from tests.support.challenge_service import Service, write_config
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.rows import RegistrationRow
from zoneproof.storage import load_migrations, open_sqlite
from zoneproof.storage.sqlite import SqliteTransaction

WEEK = 7 * 86_400  # how long a value lives, in seconds
_CACHE = 1_000_000  # KiB


def make_service(folder: Path, *, port: int = 0, more: str = "") -> BenchService:
    """Write a configuration to a folder, and return its service, which is not started yet.

    Rate limits are off: a benchmark is one caller that asks for all there is. Its DNS is at a
    ``port``, or at any; ``more`` is added to the configuration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    config = write_config(folder, dns=f"workers = {os.cpu_count()}\nrate_limit = 0")
    text = config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{port}", 1)
    config.write_text(text + more)
    return BenchService(config)


class BenchService(Service):
    """``zoneproof challenge serve`` with as many DNS workers as there are cores."""

    is_fork = False

    @property
    def database(self) -> Path:
        """Where its registrations are."""
        return self.config.with_name("challenge.db")

    @property
    def api(self) -> tuple[str, int]:
        """Where its API listens."""
        host, _, port = self.url.removeprefix("http://").partition(":")
        return host, int(port)

    def processes(self) -> list[int]:
        """Return the ids of all its processes, the main one first."""
        return [self.process.pid, *self.workers()]

    def memory(self) -> int:
        """Return the bytes that all its processes hold; what they share counts once."""
        return memory(self.processes())

    def wait_until_idle(self) -> None:
        """Wait until it has nothing more to do, such as reading values before they are asked."""
        before = -1.0
        while (now := cpu_seconds(self.processes())) - before > 0.02:
            before = now
            time.sleep(0.5)

    def kill(self) -> None:
        """End all its processes at once, without a chance to do anything more."""
        with contextlib.ExitStack() as stack:
            handles = []
            for pid in self.processes():
                handles.append(os.pidfd_open(pid))
                stack.callback(os.close, handles[-1])
            for handle in handles:
                signal.pidfd_send_signal(handle, signal.SIGKILL)
            for handle in handles:
                select.select([handle], [], [])
        self.process.wait()
        self.stop()


def fill(database: Path, count: int) -> None:
    """Make a database of accounts 0 to ``count``, each with its value 0."""
    register(database, count)
    publish(database, range(count), lambda number: WEEK)  # noqa: ARG005


def register(database: Path, count: int, *, seed: int = 0) -> None:
    """Make a database of accounts 0 to ``count``, without values."""
    database.parent.mkdir(parents=True, exist_ok=True)
    asyncio.run(open_sqlite(database, load_migrations("zoneproof.challengedns")).close())
    now = int(time.time())
    with _one_large_transaction(database) as tx:
        for number in range(count):
            _insert(tx, account(number, seed), now)


def publish(
    database: Path, numbers: Iterable[int], lifetime: Callable[[int], int], *, seed: int = 0
) -> None:
    """Give accounts their value 0, which lives for ``lifetime(number)`` seconds."""
    now = int(time.time())
    with _one_large_transaction(database) as tx:
        for number in numbers:
            subdomain, txt = account(number, seed).subdomain, value(number, seed=seed)
            rows.put_value(tx, subdomain, txt, now, now + lifetime(number))
        rows.sweep(tx, now)


@contextlib.contextmanager
def _one_large_transaction(database: Path) -> Iterator[SqliteTransaction]:
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as connection:
        # Nothing is lost if this fails half-way, so it need not be safe against that.
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute(f"PRAGMA cache_size = -{_CACHE}")
        connection.execute("BEGIN")
        yield SqliteTransaction(connection)
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")


def _insert(tx: SqliteTransaction, made: Account, now: int) -> None:
    rows.insert(
        tx,
        RegistrationRow(
            subdomain=made.subdomain,
            username=made.username,
            key_hash=hashlib.sha256(made.key.encode()).hexdigest(),
            allowfrom=(),
            note="",
            tenant=None,
            disabled=False,
            created_at=now,
        ),
    )
