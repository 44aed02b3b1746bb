"""A table of numbers, and ways to hold a store still while a test arranges something."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from anyio import create_task_group, to_thread

from zoneproof.storage import Migration, SqliteStore, Transaction

NUMBERS = [Migration("numbers", 1, ("CREATE TABLE number (n INTEGER PRIMARY KEY)",))]


def insert(n: int) -> Callable[[Transaction], int]:
    return lambda transaction: transaction.execute("INSERT INTO number (n) VALUES (?)", (n,))


def numbers(transaction: Transaction) -> list[int]:
    return [int(str(n)) for (n,) in transaction.query("SELECT n FROM number ORDER BY n")]


def files_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


class Gate:
    """Stops the thread that comes by until the test opens it."""

    def __init__(self) -> None:
        self._reached = threading.Event()
        self._open = threading.Event()

    def pass_through(self, transaction: Transaction) -> None:
        self._reached.set()
        assert self._open.wait(60)

    async def reached(self) -> None:
        assert await to_thread.run_sync(self._reached.wait, 60)

    def open(self) -> None:
        self._open.set()


@asynccontextmanager
async def writer_held(store: SqliteStore) -> AsyncIterator[None]:
    """Keep the writer busy, so that all writes begun meanwhile wait and then share a commit."""
    gate = Gate()
    async with create_task_group() as tasks:
        tasks.start_soon(store.write, gate.pass_through)
        await gate.reached()
        try:
            yield
        finally:
            gate.open()
