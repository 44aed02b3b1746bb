"""The service's database, whichever it is: what a SQLite file and PostgreSQL have in common."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from zoneproof.core.errors import StorageError
from zoneproof.storage import Store, Transaction

T = TypeVar("T")

Timed = Literal["read", "write", "confirm"]


async def _by_nobody(change: int) -> None:
    """Return at once: there are no secondaries to wait for."""


@dataclass(frozen=True)
class Hooks:
    """What a running service does around transactions.

    ``observe`` gets how long each took, waiting included, in seconds: "confirm" is how long it took
    after the commit until all nodes and secondaries answered with a change. ``require_readers``
    raises StorageError while what is written would not be answered here. ``confirm`` returns once
    the secondaries answer from a change, given by its generation; it raises UnconfirmedChangeError
    if that takes too long.
    """

    observe: Callable[[Timed, float], None] = lambda kind, seconds: None  # noqa: ARG005
    require_readers: Callable[[], None] = lambda: None
    confirm: Callable[[int], Awaitable[None]] = _by_nobody


NO_HOOKS = Hooks()


class _Timing:
    """A context manager, which takes a third of the time of one that is a generator."""

    __slots__ = ("_hooks", "_kind", "_start")

    def __init__(self, hooks: Hooks, kind: Timed) -> None:
        self._hooks = hooks
        self._kind: Timed = kind

    def __enter__(self) -> None:
        self._start = time.perf_counter()

    def __exit__(self, *_: object) -> None:
        self._hooks.observe(self._kind, time.perf_counter() - self._start)


class Database(ABC):
    """The database of the service: a Store whose writes the DNS answers once they return."""

    failure: StorageError | None = None
    """Why the last write failed, or None if it did not."""

    def __init__(self, store: Store, hooks: Hooks) -> None:
        self._store = store
        self._hooks = hooks

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction that sees one consistent state, and return its result."""
        with self._timed("read"):
            return await self._store.read(work)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction and return its result once all DNS workers answer with it.

        It is done even if its caller goes away meanwhile. Raises UnconfirmedChangeError for what is
        stored and not yet answered everywhere.
        """
        result = await self._commit(work)
        with self._timed("confirm"):
            await self._confirm()
        return result

    async def note(self, work: Callable[[Transaction], T]) -> T:
        """Do what :meth:`write` does for what no answer depends on: wait only for the commit."""
        return await self._commit(work)

    def _timed(self, kind: Timed) -> _Timing:
        return _Timing(self._hooks, kind)

    @abstractmethod
    async def _commit(self, work: Callable[[Transaction], T]) -> T:
        """Run ``work`` in a transaction, even if the caller goes away meanwhile."""

    @abstractmethod
    async def _confirm(self) -> None:
        """Wait until the newest change is answered elsewhere."""

    @abstractmethod
    async def check(self) -> None:
        """Raise StorageError if this service should not be asked."""

    @abstractmethod
    async def close(self) -> None:
        """Finish what was begun and release the database."""
