"""Methods of stores: awaited in transactions of their own, or together in one."""

from __future__ import annotations

import pytest

from tests.storage.numbers_table import insert, numbers
from zoneproof.core.errors import StorageError
from zoneproof.storage import SqliteStore, Stored, Transaction, reads, writes


class Numbers(Stored):
    """A store of numbers."""

    @writes
    def add(self, tx: Transaction, number: int) -> None:
        insert(number)(tx)

    @writes
    def fail(self, tx: Transaction) -> None:
        tx.execute("INSERT INTO nothing")

    @reads
    def all(self, tx: Transaction) -> list[int]:
        return numbers(tx)


async def test_awaited_each_has_a_transaction_of_its_own(store: SqliteStore) -> None:
    stored = Numbers(store)
    await stored.add(number=1)
    assert await stored.all() == [1]
    with pytest.raises(StorageError):
        await stored.fail()


async def test_all_is_kept_and_seen_within(store: SqliteStore) -> None:
    stored = Numbers(store)

    def work(tx: Transaction) -> list[int]:
        stored.add.within(tx, 1)
        stored.add.within(tx, 2)
        return stored.all.within(tx)

    assert await store.write(work) == [1, 2]
    assert await store.read(numbers) == [1, 2]


async def test_nothing_is_kept_if_the_last_part_fails(store: SqliteStore) -> None:
    stored = Numbers(store)

    def work(tx: Transaction) -> None:
        stored.add.within(tx, 1)
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await store.write(work)
    assert await store.read(numbers) == []


async def test_an_error_of_the_database_is_a_storage_error(store: SqliteStore) -> None:
    stored = Numbers(store)
    with pytest.raises(StorageError):
        await store.write(stored.fail.within)
