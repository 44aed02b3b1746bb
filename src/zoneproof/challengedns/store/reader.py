"""What DNS workers and the transfer process read: values, and which have changed since."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from zoneproof.core.sqlite_files import as_it_is, lacks_room, storage_error

_BUSY_SECONDS = 0.5
_CACHE = -16_000  # KiB, when negative: keeps the upper levels of large indexes

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
