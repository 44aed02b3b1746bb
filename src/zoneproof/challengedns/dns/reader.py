"""Reads registrations and their changes from the database, as DNS workers need them."""

from __future__ import annotations

import contextlib
import sqlite3
from dataclasses import dataclass
from pathlib import Path

from zoneproof.storage import as_it_is, lacks_room, storage_error

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
_CHANGES = (
    "SELECT g.generation, g.pruned, c.subdomain FROM challenge_generation g"
    " LEFT JOIN challenge_change c ON c.generation > ?"
)


@dataclass(frozen=True)
class Changes:
    """What changed up to ``generation``; ``subdomains`` is None if that is no longer known."""

    generation: int
    subdomains: list[str] | None


class Reader:
    """A read-only connection, opened at need and again after every failure.

    Its methods raise StorageError. The times that they take and return are behind those in the
    database by ``ahead`` seconds.
    """

    def __init__(self, database: Path, ahead: int = 0) -> None:
        self._database = database
        self._ahead = ahead
        self._connection: sqlite3.Connection | None = None

    def values(self, subdomain: str) -> list[tuple[str, int]] | None:
        """Return a registration's values and when each expires; None if there is none such."""
        rows = self._query(_VALUES, subdomain)
        if not rows:
            return None
        return [
            (txt, expires_at - self._ahead)
            for disabled, txt, expires_at in rows
            if txt is not None and not disabled
        ]

    def page(self, after: str, now: int, limit: int) -> list[tuple[str, str, int]]:
        """Return up to ``limit`` live values (subdomain, text, expiry), ordered by subdomain."""
        rows = self._query(_PAGE, after, now + self._ahead, limit)
        return [(subdomain, txt, expires_at - self._ahead) for subdomain, txt, expires_at in rows]

    def changes_since(self, generation: int) -> Changes:
        """Return which subdomains changed after a generation."""
        rows = self._query(_CHANGES, generation)
        latest, pruned = rows[0][:2]
        if generation < pruned:
            return Changes(latest, None)
        return Changes(latest, [subdomain for _, _, subdomain in rows if subdomain is not None])

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
                )
                self._connection.execute(f"PRAGMA cache_size = {_CACHE}")
            return self._connection.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            self.close()
            if lacks_room(error):
                with contextlib.suppress(sqlite3.Error), as_it_is(self._database) as connection:
                    return connection.execute(sql, parameters).fetchall()
            raise storage_error(self._database, error) from error
