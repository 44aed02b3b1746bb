"""Makes sure that what was written can be read: before a client is told, and while nothing is."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from zoneproof.challengedns.store import rows
from zoneproof.core.errors import StorageError
from zoneproof.storage import Store, Transaction

T = TypeVar("T")
# What a DNS worker reads after a commit: which subdomains have changed, and what is there now.
_CHANGED = (
    "SELECT COUNT(r.disabled), COUNT(v.txt), MAX(v.expires_at) FROM challenge_change c"
    " LEFT JOIN challenge_registration r ON r.subdomain = c.subdomain"
    " LEFT JOIN challenge_value v ON v.subdomain = c.subdomain WHERE c.generation > ?"
)


class ReadBack:
    """Reads what a commit has changed, on a connection that is not the writer's."""

    def __init__(self) -> None:
        self._generation: int | None = None

    def __call__(self, tx: Transaction) -> None:
        """Read; the store's errors come out."""
        latest = rows.generation(tx)
        if self._generation is not None:
            tx.query(_CHANGED, [self._generation])
        self._generation = latest


class WatchedStore:
    """A store (the Store protocol) that remembers whether its last write failed."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.failure: StorageError | None = None
        """Why it failed, or None."""

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` as the store does."""
        return await self._store.read(work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` as the store does."""
        try:
            result = await self._store.write(work)
        except StorageError as error:
            self.failure = error
            raise
        self.failure = None
        return result

    async def close(self) -> None:
        """Close the store."""
        await self._store.close()
