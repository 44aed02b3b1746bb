"""Numbered ``.sql`` files that bring a database up to date, one after the other."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files
from typing import Literal

import msgspec

from zoneproof.core.errors import StorageError
from zoneproof.storage.store import Transaction

_FILE = re.compile(r"(\d{4})_[a-z0-9_]+(?:\.(sqlite|postgres))?\.sql")

Engine = Literal["sqlite", "postgres"]


class Migration(msgspec.Struct, frozen=True):
    """One step: its number within its component, and its SQL statements."""

    component: str
    number: int
    statements: tuple[str, ...]


def load_migrations(package: str, engine: Engine = "sqlite") -> list[Migration]:
    """Read ``NNNN_what.sql`` from the package's ``migrations`` folder.

    The last part of the package's name is the component. ``NNNN_what.sqlite.sql`` is a step of
    SQLite alone: for others it has no statements.

    Statements end with ``;`` at the end of a line, and hold no such line end within.
    """
    component = package.rpartition(".")[2]
    found = []
    for entry in files(package).joinpath("migrations").iterdir():
        match = _FILE.fullmatch(entry.name)
        if match:
            text = entry.read_text("utf-8") if match[2] in {None, engine} else ""
            found.append(Migration(component, int(match[1]), _statements(text)))
    return sorted(found, key=lambda migration: migration.number)


def _statements(text: str) -> tuple[str, ...]:
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("--"))
    return tuple(part.strip() for part in re.split(r";\s*(?:\n|$)", code) if part.strip())


def is_up_to_date(transaction: Transaction, migrations: list[Migration]) -> bool:
    """Tell whether the database has seen exactly these migrations, and changes nothing."""
    seen = _seen(transaction)
    newest = {migration.component: migration.number for migration in migrations}
    return all(seen.get(component) == number for component, number in newest.items())


def _seen(transaction: Transaction) -> dict[str, int]:
    return {
        str(component): int(str(number))
        for component, number in transaction.query("SELECT component, number FROM schema_version")
    }


def apply_migrations(transaction: Transaction, migrations: list[Migration], where: str) -> None:
    """Run those of ``migrations`` that the database has not seen.

    Raises StorageError if the database comes from a newer version of this program. ``where``
    names the database in that error.
    """
    transaction.execute(
        "CREATE TABLE IF NOT EXISTS schema_version"
        " (component TEXT PRIMARY KEY, number INTEGER NOT NULL)"
    )
    require_known(transaction, migrations, where)
    seen = _seen(transaction)
    for migration in migrations:
        if migration.number <= seen.get(migration.component, 0):
            continue
        for statement in migration.statements:
            transaction.execute(statement)
        transaction.execute(
            "INSERT INTO schema_version (component, number) VALUES (?, ?)"
            " ON CONFLICT (component) DO UPDATE SET number = excluded.number",
            (migration.component, migration.number),
        )


def require_known(transaction: Transaction, migrations: Sequence[Migration], where: str) -> None:
    """Raise StorageError if the database comes from a newer version of this program."""
    seen = _seen(transaction)
    newest = {migration.component: migration.number for migration in migrations}
    for component, number in newest.items():
        if seen.get(component, 0) > number:
            raise StorageError(
                f"{where} was written by a newer Zoneproof (its {component} tables are of version"
                f" {seen[component]}, this program knows {number}): update Zoneproof; nothing was"
                " changed"
            )
