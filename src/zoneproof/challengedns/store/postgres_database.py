"""The service's database in PostgreSQL, which several nodes share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from zoneproof.challengedns.store import node_rows, rows
from zoneproof.challengedns.store.barrier import DEADLINE, Barrier, LeaseObserver
from zoneproof.challengedns.store.database import NO_HOOKS, Database, Hooks
from zoneproof.challengedns.store.node_rows import NodeRow
from zoneproof.challengedns.store.sqlite_database import COMPONENT
from zoneproof.core.errors import StorageError, UnconfirmedChangeError
from zoneproof.storage import Transaction, load_migrations
from zoneproof.storage.migrations import require_known
from zoneproof.storage.postgres import PostgresServer, PostgresStore, PostgresTransaction

T = TypeVar("T")

_TABLE = "challenge_generation"
_OLDEST = 140_000
# Whoever writes holds this row until the commit, so that generations are committed in their order,
# and transactions of all nodes run one after the other.
_LOCK = "SELECT generation FROM challenge_generation FOR UPDATE"


class PostgresDatabase(Database):
    """The database of the service, as one of its nodes or commands has it.

    When a write returns it is durable, and every node that holds a lease answers with it. It need
    not be reachable when this is made. A server that fails is met by the next write, whatever came
    of the last: ``failure`` is always None.
    """

    _store: PostgresStore

    def __init__(self, url: str, hooks: Hooks = NO_HOOKS) -> None:
        self.server = PostgresServer(url)
        self.observer = LeaseObserver()
        store = PostgresStore(
            self.server, load_migrations(COMPONENT, "postgres"), lock=_LOCK, finish=self._finish
        )
        super().__init__(store, hooks)
        self._barrier = Barrier(self.server, self.observer)
        self._latest = 0

    async def _confirm(self) -> None:
        await self._barrier.passed(self._latest)
        await self._hooks.confirm(self._latest)

    async def _commit(self, work: Callable[[Transaction], T]) -> T:
        self._hooks.require_readers()
        with self._timed("write"):
            try:
                async with asyncio.timeout(DEADLINE):
                    return await self._store.write(work, anyway=True)
            except TimeoutError:
                raise UnconfirmedChangeError(
                    f"{self.server.name} has not answered for {DEADLINE:g} s: the change may be"
                    " stored"
                ) from None

    def _finish(self, tx: Transaction) -> Callable[[], None]:
        latest = node_rows.latest_change(tx)
        if latest != self._latest:
            node_rows.notify_change(tx)

        def committed() -> None:
            self._latest = latest

        return committed

    async def check(self) -> None:
        """Read from the database. Raises StorageError if that fails, or this node is behind."""
        self._hooks.require_readers()
        await self.read(rows.generation)

    def migrate(self) -> None:
        """Bring the tables up to date, which every first use does too. Raises StorageError."""
        self._store.migrate()

    async def close(self) -> None:
        """Finish what was begun and release the connections."""
        await self._store.close()
        await asyncio.to_thread(self._barrier.close)


@dataclass(frozen=True)
class TriedOut:
    """A database that can be used: what it is, and the ``nodes`` that share it.

    ``risk`` is what could lose acknowledged values there, or "", and ``seen`` what somebody who
    looked into the tables says.
    """

    name: str
    risk: str
    nodes: list[NodeRow]
    seen: str


def try_out_postgres(url: str, look: Callable[[Transaction], str] = lambda _: "") -> TriedOut:
    """Look whether a database can be used, and change nothing.

    ``look`` looks into its tables. Raises InvalidInputError and StorageError.
    """
    server = PostgresServer(url)
    connection = server.connect()
    try:
        with server.errors():
            tx = PostgresTransaction(connection)
            ((version, number, may_create, standbys, commits),) = tx.query(
                "SELECT current_setting('server_version'),"
                " CAST(current_setting('server_version_num') AS INTEGER),"
                " CAST(has_schema_privilege(current_schema(), 'CREATE') AS INTEGER),"
                " current_setting('synchronous_standby_names'),"
                " current_setting('synchronous_commit')"
            )
            seen = _has_table(tx, _TABLE)
            if seen:
                require_known(tx, load_migrations(COMPONENT, "postgres"), server.name)
            nodes = node_rows.nodes(tx) if _has_table(tx, "challenge_node") else []
            seen_there = look(tx) if _has_table(tx, "challenge_zone") else ""
    finally:
        connection.close()
    if int(str(number)) < _OLDEST:
        raise StorageError(f"{server.name}: version 14 or newer is needed, it is {version!s}")
    if not may_create and not seen:
        raise StorageError(
            f"{server.name}: its user may not make tables: GRANT CREATE ON SCHEMA public"
        )
    risk = ""
    if commits in {"off", "local"}:
        risk = f"its synchronous_commit is '{commits!s}': a failover loses acknowledged values"
    elif not standbys:
        risk = (
            "it has no synchronous standby: if it can fail over to another server, values that were"
            " acknowledged just before may be lost (synchronous_standby_names)"
        )
    name = f"{server.name} can be used, version {version!s}"
    return TriedOut(name, risk, nodes, seen_there)


def _has_table(tx: Transaction, name: str) -> bool:
    found = tx.query("SELECT 1 FROM information_schema.tables WHERE table_name = ?", [name])
    return bool(found)
