"""Copies a whole database to another one, of either engine, page by page."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from zoneproof.challengedns.store import node_rows, rows
from zoneproof.challengedns.store.audit import ServiceAudit
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.errors import StorageError
from zoneproof.core.text import count
from zoneproof.storage import Row, Transaction, Value

T = TypeVar("T")

_PAGE = 1000


@dataclass(frozen=True)
class _Table:
    """A table: ``key`` are its first columns, by which it is read in order."""

    name: str
    key: tuple[str, ...]
    columns: tuple[str, ...]

    def page(self, tx: Transaction, after: Row | None) -> list[Row]:
        names = ", ".join(self.columns)
        key = ", ".join(self.key)
        places = ", ".join("?" * len(self.key))
        where = "" if after is None else f" WHERE ({key}) > ({places})"
        return tx.query(
            f"SELECT {names} FROM {self.name}{where} ORDER BY {key} LIMIT {_PAGE}",  # noqa: S608
            after[: len(self.key)] if after is not None else (),
        )

    def put(self, tx: Transaction, found: Sequence[Row]) -> None:
        names = ", ".join(self.columns)
        places = ", ".join("?" * len(self.columns))
        rest = [each for each in self.columns if each not in self.key]
        changes = ", ".join(f"{each} = excluded.{each}" for each in rest)
        otherwise = f"UPDATE SET {changes}" if rest else "NOTHING"
        for row in found:
            tx.execute(
                f"INSERT INTO {self.name} ({names}) VALUES ({places})"  # noqa: S608
                f" ON CONFLICT ({', '.join(self.key)}) DO {otherwise}",
                row,
            )


# A service notes its zones when it starts, also in a database that nobody has used yet.
_ZONES: Final = _Table("challenge_zone", ("name",), ("name",))

# In an order in which every row finds what it refers to.
_TABLES: Final = (
    _Table(
        "challenge_tenant",
        ("name",),
        ("name", "quota", "registrations", "expires_at", "disabled", "created_at", "peak"),
    ),
    _Table("challenge_key", ("id",), ("id", "tenant", "key_hash", "note", "created_at")),
    _Table("challenge_deleted_subdomain", ("subdomain",), ("subdomain", "deleted_at")),
    _Table(
        "challenge_registration",
        ("subdomain",),
        (
            "subdomain",
            "username",
            "key_hash",
            "allowfrom",
            "note",
            "tenant",
            "disabled",
            "created_at",
        ),
    ),
    _Table(
        "challenge_value",
        ("subdomain", "txt"),
        ("subdomain", "txt", "expires_at", "generation"),
    ),
    _Table("challenge_activity", ("subdomain",), ("subdomain", "updated_at")),
    _Table("challenge_question", ("subdomain",), ("subdomain", "asked_at", "network", "answered")),
    _Table(
        "challenge_usage",
        ("tenant", "month"),
        ("tenant", "month", "registrations", "peak", "updates"),
    ),
    _Table(
        "challenge_audit",
        ("number",),
        (
            "number",
            "at",
            "who",
            "address",
            "action",
            "subject",
            "result",
            "tenant",
            "author",
        ),
    ),
    _ZONES,
)


_STATE = (
    "SELECT generation, (SELECT COALESCE(MAX(number), 0) FROM challenge_audit)"
    " FROM challenge_generation"
)


async def move_database(
    source: Database,
    target: Database,
    progress: Callable[[str, int], None],
    audit: ServiceAudit,
) -> dict[str, int]:
    """Copy all that ``source`` holds into ``target``; return how many rows of each table.

    It can be repeated, and then takes over what has changed since, and removes what is gone: so
    most can be copied while the service runs, and the rest in a moment while it is stopped. One
    that was cut off continues when it is repeated. The target's ``audit`` log notes it.
    ``progress`` is called in another thread. Raises StorageError, also where the target has nodes,
    or holds anything else than what earlier copies of this source left there.
    """
    loop = asyncio.get_running_loop()

    def work(tx: Transaction) -> dict[str, int]:
        ((source_id,),) = tx.query("SELECT id FROM challenge_copy")
        there = _Target(target, loop, source_id)
        counts = {table.name: _copy(tx, table, there, progress) for table in _TABLES}
        for table in reversed(_TABLES):
            _remove_others(tx, table, there)
        generation, now = rows.generation(tx), ValueClock().now(tx)
        registrations = count(counts["challenge_registration"], "registration")

        def finish(tx: Transaction) -> None:
            rows.note_change(tx, "", at_least=generation + 1)
            # Whoever followed the changes has to read everything.
            tx.execute("UPDATE challenge_generation SET pruned = generation - 1")
            tx.execute("DELETE FROM challenge_change WHERE subdomain <> ''")
            tx.execute("DELETE FROM challenge_value_time")
            tx.execute(
                "INSERT INTO challenge_value_time (boot, ahead, seen) VALUES ('moved', 0, ?)", [now]
            )
            ValueClock().keep(tx)
            audit.note(tx, "database move", f"{registrations} came from another database")

        there.write(finish)
        return counts

    # One state of the source, so that no row refers to another that came while it was copied.
    return await source.read(work)


class _Target:
    """The target, for a thread in which the source is read."""

    def __init__(
        self, database: Database, loop: asyncio.AbstractEventLoop, source_id: Value
    ) -> None:
        self._database = database
        self._loop = loop
        self._source_id = source_id

    def read(self, work: Callable[[Transaction], T]) -> T:
        return asyncio.run_coroutine_threadsafe(self._database.read(work), self._loop).result()

    def write(self, work: Callable[[Transaction], object]) -> None:
        """Do a part of the copy, unless anybody else has changed the target."""

        def part(tx: Transaction) -> None:
            _require_unused(tx)
            _require_own(tx, self._source_id)
            work(tx)
            tx.execute(
                "UPDATE challenge_copy SET copied_from = ?, generation = ?, audit = ?",
                [self._source_id, *tx.query(_STATE)[0]],
            )

        asyncio.run_coroutine_threadsafe(self._database.write(part), self._loop).result()

    def pages(self, table: _Table) -> Iterator[list[Row]]:
        return _pages(lambda after: self.read(lambda tx: table.page(tx, after)))


def _pages(page: Callable[[Row | None], list[Row]]) -> Iterator[list[Row]]:
    after: Row | None = None
    while found := page(after):
        yield found
        after = found[-1]


def _require_unused(tx: Transaction) -> None:
    """Refuse a target that nodes serve: they may acknowledge what the next part would undo."""
    busy = [each.name for each in node_rows.nodes(tx) if each.holds_lease]
    if busy:
        raise StorageError(
            f"the target is in use, node '{busy[0]}' holds a lease: stop its nodes, or name another"
            " target"
        )


def _require_own(tx: Transaction, source_id: Value) -> None:
    """Refuse a target that holds anything else than what earlier copies of the source left."""
    ((copied_from, *state),) = tx.query("SELECT copied_from, generation, audit FROM challenge_copy")
    if copied_from == source_id and tuple(state) == tx.query(_STATE)[0]:
        return
    used = (table.name for table in _TABLES if table is not _ZONES)
    if all(not tx.query(f"SELECT 1 FROM {name} LIMIT 1") for name in used):  # noqa: S608
        return
    if copied_from == source_id:
        what = "was changed after it was copied to, which another copy would undo"
    else:
        what = "holds what did not come from this database, and a copy would remove"
    raise StorageError(f"the target {what}: name another target, or empty this one first")


def _copy(
    tx: Transaction, table: _Table, target: _Target, progress: Callable[[str, int], None]
) -> int:
    count = 0
    for found in _pages(functools.partial(table.page, tx)):
        target.write(functools.partial(table.put, found=found))
        count += len(found)
        progress(table.name, count)
    return count


def _remove_others(tx: Transaction, table: _Table, target: _Target) -> None:
    """Remove from the target what a copy of before took over and is gone by now."""
    where = f"FROM {table.name} WHERE " + " AND ".join(f"{each} = ?" for each in table.key)
    for found in target.pages(table):
        keys = [row[: len(table.key)] for row in found]
        gone = [key for key in keys if not tx.query(f"SELECT 1 {where}", key)]
        if gone:
            target.write(functools.partial(_delete, where, gone))


def _delete(where: str, keys: Sequence[Row], tx: Transaction) -> None:
    for key in keys:
        tx.execute(f"DELETE {where}", key)
