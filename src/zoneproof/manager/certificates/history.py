"""What happened to each managed certificate, and when."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from zoneproof.storage import Store, Transaction

KEEP = 200  # entries for each certificate


@dataclass(frozen=True)
class HistoryEntry:
    """``kind`` is one word such as ``issued``; ``at`` is ISO 8601 in UTC."""

    certificate: str
    at: str
    kind: str
    message: str


class History:
    """The stored entries. Every method raises StorageError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def add(self, certificate: str, kind: str, message: str) -> None:
        """Write down that something happened now; of more than 200 entries the oldest go."""
        now = datetime.now(UTC).isoformat(timespec="milliseconds")

        def work(transaction: Transaction) -> None:
            transaction.execute(
                "INSERT INTO history (id, certificate, at, kind, message) VALUES (?, ?, ?, ?, ?)",
                (str(uuid.uuid4()), certificate, now, kind, message[:2000]),
            )
            transaction.execute(
                "DELETE FROM history WHERE certificate = ? AND id NOT IN"
                " (SELECT id FROM history WHERE certificate = ? ORDER BY at DESC LIMIT ?)",
                (certificate, certificate, KEEP),
            )

        await self._store.write(work)

    async def of(self, certificate: str) -> list[HistoryEntry]:
        """Return a certificate's entries, oldest first."""
        rows = await self._store.read(
            lambda transaction: transaction.query(
                "SELECT certificate, at, kind, message FROM history"
                " WHERE certificate = ? ORDER BY at",
                (certificate,),
            )
        )
        return [HistoryEntry(*map(str, row)) for row in rows]
