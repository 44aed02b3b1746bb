"""Copies a whole database to another one, of either engine, page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from zoneproof.challengedns.store import node_rows, rows
from zoneproof.challengedns.store.audit import ServiceAudit
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.errors import StorageError
from zoneproof.core.text import count
from zoneproof.storage import Row, Transaction, Value

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
        for row in found:
            tx.execute(
                f"INSERT INTO {self.name} ({names}) VALUES ({places})"  # noqa: S608
                f" ON CONFLICT ({', '.join(self.key)}) DO UPDATE SET {changes}",
                row,
            )


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
)


async def move_database(
    source: Database,
    target: Database,
    progress: Callable[[str, int], None],
    audit: ServiceAudit,
) -> dict[str, int]:
    """Copy all that ``source`` holds into ``target``; return how many rows of each table.

    It can be repeated, and then takes over what has changed since, and removes what is gone: so
    most can be copied while the service runs, and the rest in a moment while it is stopped. The
    target's ``audit`` log notes it.
    Raises StorageError, also where the target holds what is not in the source, or has nodes.
    """
    counts = {}
    await _require_own(source, target)
    await _require_unused(target)
    for table in _TABLES:
        counts[table.name] = await _copy(table, source, target, progress)
    for table in reversed(_TABLES):
        await _remove_others(table, source, target)
    generation = await source.read(rows.generation)
    now = await source.read(ValueClock().now)

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
        registrations = count(counts["challenge_registration"], "registration")
        audit.note(tx, "database move", f"{registrations} came from another database")

    await target.write(finish)
    return counts


async def _require_own(source: Database, target: Database) -> None:
    """Refuse a target in which somebody registers, as a second service does by mistake."""

    registrations = next(each for each in _TABLES if each.name == "challenge_registration")
    after: Row | None = None
    while True:
        start = after
        found = await target.read(lambda tx: registrations.page(tx, start))  # noqa: B023
        if not found:
            return

        def all_known(tx: Transaction, those: Sequence[Row] = found) -> bool:
            return all(rows.is_taken(tx, str(row[0])) for row in those)

        if not await source.read(all_known):
            raise StorageError(
                "the target holds registrations that are not in the source: nothing was changed;"
                " empty it, or name another one"
            )
        after = found[-1]


async def _require_unused(target: Database) -> None:
    """Refuse a target that nodes serve, who may have acknowledged more since the last copy."""
    busy = [each.name for each in await target.read(node_rows.nodes) if each.holds_lease]
    if busy:
        raise StorageError(
            f"the target is in use, node '{busy[0]}' holds a lease: nothing was changed; stop its"
            " nodes, or name another one"
        )


async def _copy(
    table: _Table, source: Database, target: Database, progress: Callable[[str, int], None]
) -> int:
    after: Row | None = None
    count = 0
    while True:
        start = after
        found = await source.read(lambda tx: table.page(tx, start))  # noqa: B023
        if not found:
            return count
        await target.write(lambda tx: table.put(tx, found))  # noqa: B023
        count += len(found)
        progress(table.name, count)
        after = found[-1]


async def _remove_others(table: _Table, source: Database, target: Database) -> None:
    """Remove from the target what a copy of before took over and is gone by now."""
    key = " AND ".join(f"{each} = ?" for each in table.key)
    after: Row | None = None
    while True:
        start = after
        found = await target.read(lambda tx: table.page(tx, start))  # noqa: B023
        if not found:
            return

        def gone(tx: Transaction, those: Sequence[Row] = found) -> list[Sequence[Value]]:
            return [
                row[: len(table.key)]
                for row in those
                if not tx.query(
                    f"SELECT 1 FROM {table.name} WHERE {key}",  # noqa: S608
                    row[: len(table.key)],
                )
            ]

        missing = await source.read(gone)

        def remove(tx: Transaction, those: Sequence[Sequence[Value]] = missing) -> None:
            for each in those:
                tx.execute(f"DELETE FROM {table.name} WHERE {key}", each)  # noqa: S608

        if missing:
            await target.write(remove)
        after = found[-1]
