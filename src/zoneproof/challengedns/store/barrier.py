"""Waits until every node that holds a lease has acknowledged a change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from zoneproof.challengedns.store import node_rows
from zoneproof.challengedns.store.node_rows import NodeRow
from zoneproof.challengedns.store.value_time import machine_seconds
from zoneproof.core.errors import StorageError, UnconfirmedChangeError
from zoneproof.core.waiting import readable

if TYPE_CHECKING:
    from zoneproof.storage.postgres import Connection, PostgresServer

LEASE: Final = 5.0
"""How long a node's lease lasts, in seconds from before it was renewed."""
PATIENCE: Final = 1.1 * LEASE
"""How long a lease must have stood still for somebody else, in seconds, until it has ended."""
GRACE: Final = 1.0
"""How long a node without a lease may answer after it asked the others, in seconds."""
DEADLINE: Final = 10.0
"""How long a change waits for the nodes, in seconds."""

_LOOK_SECONDS = 0.1
_RETRY_SECONDS = 0.2

_log = logging.getLogger(__name__)


class LeaseObserver:
    """Sees leases stand still, by a clock that nobody can set. For several threads."""

    def __init__(self, clock: Callable[[], float] = machine_seconds) -> None:
        self._clock = clock
        self._seen: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()

    def ended(self, nodes: Iterable[NodeRow]) -> list[NodeRow]:
        """Return those whose lease has stood still for so long that they know it has ended."""
        now = self._clock()
        with self._lock:
            before = self._seen
            self._seen = {}
            for node in nodes:
                seen = before.get(node.name)
                if seen is None or seen[0] != node.renewal:
                    seen = (node.renewal, now)
                self._seen[node.name] = seen
            return [
                node
                for node in nodes
                if node.holds_lease and now - self._seen[node.name][1] > PATIENCE
            ]


@dataclass
class _Waiter:
    target: int
    until: float
    acknowledged_at: float | None = None
    future: Future[None] = field(default_factory=Future)

    def look(self, nodes: Sequence[NodeRow], now: float) -> None:
        """Be done if the nodes, as they stood at a time after the commit, allow it."""
        behind = [
            node.name for node in nodes if node.holds_lease and node.acknowledged < self.target
        ]
        if not behind:
            if self.acknowledged_at is None:
                self.acknowledged_at = now
            # One that lost its lease may answer for so long since it asked the others.
            grace = GRACE if any(node.may_answer for node in nodes) else 0.0
            if now >= self.acknowledged_at + grace:
                self.future.set_result(None)
                return
        if now > self.until:
            who = ", ".join(behind) or "a node without a lease"
            self.fail(f"the change is stored, but not yet answered everywhere ({who}): repeat it")

    def fail(self, message: str) -> None:
        """Give up."""
        self.future.set_exception(UnconfirmedChangeError(message))


class Barrier:
    """What the writers of a process share: one thread and one connection, once there is need."""

    def __init__(self, server: PostgresServer, observer: LeaseObserver) -> None:
        self._server = server
        self._observer = observer
        self._added: list[_Waiter] = []
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._connection: Connection | None = None
        self._closing = False
        self._wake, self._waker = os.pipe()
        os.set_blocking(self._waker, False)

    async def passed(self, change: int) -> None:
        """Return once every node that holds a lease answers from a change that is committed.

        Raises UnconfirmedChangeError if that takes too long.
        """
        waiter = _Waiter(change, machine_seconds() + DEADLINE)
        waiter.future.set_running_or_notify_cancel()  # so that only this thread ends it
        with self._lock:
            self._added.append(waiter)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="zoneproof-barrier", daemon=True
                )
                self._thread.start()
        self._rouse()
        await asyncio.wrap_future(waiter.future)

    def close(self) -> None:
        """End the thread; who still waits is told that the change is not confirmed."""
        if self._closing:
            return
        self._closing = True
        self._rouse()
        if self._thread is not None:
            self._thread.join()
        os.close(self._wake)
        os.close(self._waker)

    def _rouse(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.write(self._waker, b"\0")

    def _run(self) -> None:
        waiting: list[_Waiter] = []
        while not self._closing:
            with self._lock:
                waiting += self._added
                self._added = []
            error = ""
            if waiting:
                try:
                    nodes = self._look()
                except StorageError as failure:
                    error = failure.message
                except Exception:  # noqa: BLE001
                    # A bug must not end the thread: whoever writes later would wait for ever.
                    _log.exception("waiting for the nodes failed")
                    error = "a bug in Zoneproof: see the log"
                else:
                    now = machine_seconds()
                    for waiter in waiting:
                        waiter.look(nodes, now)
            if error:
                self._drop()
                for waiter in waiting:
                    if machine_seconds() > waiter.until:
                        waiter.fail(f"the change is stored, but not confirmed: {error}")
            waiting = [waiter for waiter in waiting if not waiter.future.done()]
            self._sleep(None if not waiting else _RETRY_SECONDS if error else _LOOK_SECONDS)
        self._drop()
        with self._lock:
            waiting += self._added
        for waiter in waiting:
            waiter.fail("the change is stored, but not yet answered everywhere: repeat it")

    def _look(self) -> list[NodeRow]:
        from zoneproof.storage.postgres import PostgresTransaction

        if self._connection is None or self._connection.closed:
            self._connection = self._server.connect()
            with self._server.errors():
                self._connection.execute(f"LISTEN {node_rows.ACKNOWLEDGED}")
        with self._server.errors():
            tx = PostgresTransaction(self._connection)
            nodes = node_rows.nodes(tx)
            ended = self._observer.ended(nodes)
            for node in ended:
                node_rows.mark_lost(tx, node)
            return node_rows.nodes(tx) if ended else nodes

    def _sleep(self, seconds: float | None) -> None:
        """Wait for an acknowledgement or another waiter, for so long at most."""
        files = [self._wake]
        connection = self._connection
        if seconds is not None and connection is not None and not connection.closed:
            if self._has_heard(connection):
                return
            files.append(connection.fileno())
        if self._wake in readable(files, seconds):
            os.read(self._wake, 4096)

    def _has_heard(self, connection: Connection) -> bool:
        """Take what was notified; some of it may have come with the answer to a question."""
        try:
            with self._server.errors():
                return bool(list(connection.notifies(timeout=0)))
        except StorageError:
            self._drop()
            return True

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
