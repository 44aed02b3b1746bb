"""Parts with transactions of their own, in one transaction."""

from __future__ import annotations

import pytest

from tests.storage.numbers import insert, numbers
from zoneproof.core.errors import StorageError
from zoneproof.storage import SqliteStore, Store, read_together, write_together


async def test_all_is_kept_and_seen_within(store: SqliteStore) -> None:
    async def work(within: Store) -> list[int]:
        await within.write(insert(1))
        await within.write(insert(2))
        return await within.read(numbers)

    assert await write_together(store, work) == [1, 2]
    assert await store.read(numbers) == [1, 2]


async def test_nothing_is_kept_if_the_last_part_fails(store: SqliteStore) -> None:
    async def work(within: Store) -> None:
        await within.write(insert(1))
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await write_together(store, work)
    assert await store.read(numbers) == []


async def test_an_error_of_the_database_is_a_storage_error(store: SqliteStore) -> None:
    async def work(within: Store) -> None:
        await within.write(lambda transaction: transaction.execute("INSERT INTO nothing"))

    with pytest.raises(StorageError):
        await write_together(store, work)


async def test_what_is_read_together_is_of_one_moment(store: SqliteStore) -> None:
    async def work(within: Store) -> tuple[list[int], list[int]]:
        before = await within.read(numbers)
        await store.write(insert(7))
        return before, await within.read(numbers)

    assert await read_together(store, work) == ([], [])
    assert await store.read(numbers) == [7]
