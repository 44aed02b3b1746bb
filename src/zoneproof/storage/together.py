"""Lets parts that each make transactions of their own work together in a single one.

The parts may be whole operations, or a check and what is done on its word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from zoneproof.storage.store import Store, Transaction

T = TypeVar("T")


class _Within:
    """A Store whose every work is a part of one transaction that is open already."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in the open transaction."""
        return work(self._transaction)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in the open transaction, which is committed later, or never."""
        return work(self._transaction)

    async def close(self) -> None:
        """Leave the transaction to the one who opened it."""


class GuardedStore:
    """A Store whose every work is done only after a check, in the same transaction.

    So what the check allowed still holds when the work is done. What the check raises comes out.
    """

    def __init__(self, store: Store, check: Callable[[Transaction], object]) -> None:
        self._store = store
        self._check = check

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Check, and run ``work``, in one transaction."""
        return await self._store.read(lambda transaction: self._checked(transaction, work))

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Check, and run ``work``, in one transaction."""
        return await self._store.write(lambda transaction: self._checked(transaction, work))

    async def close(self) -> None:
        """Leave the database to the one who opened it."""

    def _checked(self, transaction: Transaction, work: Callable[[Transaction], T]) -> T:
        self._check(transaction)
        return work(transaction)


async def write_together(store: Store, work: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    """Run ``work`` with a Store that does everything in one transaction: all of it or nothing.

    It runs in a thread and an event loop of its own, and awaits nothing but that Store. If it
    raises, nothing is kept and the error comes out.
    """
    return await store.write(lambda transaction: asyncio.run(work(_Within(transaction))))


async def read_together(store: Store, work: Callable[[Store], Coroutine[Any, Any, T]]) -> T:
    """Do the same for reading: all that ``work`` reads is of one moment."""
    return await store.read(lambda transaction: asyncio.run(work(_Within(transaction))))
