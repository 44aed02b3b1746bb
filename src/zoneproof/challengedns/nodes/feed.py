"""What a node reads from the shared database: the changes since the last look, or everything."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

from zoneproof.challengedns.nodes.replica import Change, SubdomainState, newest_change
from zoneproof.challengedns.store import node_rows, rows
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.storage.postgres import Connection, PostgresServer, PostgresTransaction

# One statement, so that all of it is of one state of the database.
_CHANGES = (
    "SELECT g.pruned, c.generation, c.stamp, c.subdomain, r.disabled, v.txt, v.expires_at,"
    " v.generation FROM challenge_generation g"
    " LEFT JOIN challenge_change c ON c.generation >= ?"
    " LEFT JOIN challenge_registration r ON r.subdomain = c.subdomain"
    " LEFT JOIN challenge_value v ON v.subdomain = c.subdomain ORDER BY c.generation"
)
# In the order of SQLite's keys, which are then written one after the other.
_REGISTRATIONS = (
    "COPY (SELECT subdomain, disabled FROM challenge_registration"
    ' ORDER BY subdomain COLLATE "C") TO STDOUT'
)
_VALUES = (
    "COPY (SELECT subdomain, txt, expires_at, generation FROM challenge_value"
    ' ORDER BY subdomain COLLATE "C", txt COLLATE "C") TO STDOUT'
)


@dataclass(frozen=True)
class NewChanges:
    """Changes in their order, and what is answered after all of them."""

    changes: tuple[Change, ...]
    states: tuple[SubdomainState, ...]


class TooFarBehindError(Exception):
    """The changes that are missing are no longer kept: everything has to be read."""


class OtherHistoryError(Exception):
    """The newest change that is known here never was in the database as it is now."""


class Feed:
    """A connection to the shared database for what a node does all the time.

    What it writes is soon forgotten, so its commits do not wait for a disk. Its methods raise
    StorageError.
    """

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.connection: Connection = server.connect()
        with self._server.errors():
            self.connection.execute("SET synchronous_commit = off")
            self.connection.execute(f"LISTEN {node_rows.CHANGED}")

    def close(self) -> None:
        """Release the connection."""
        self.connection.close()

    def has_heard(self) -> bool:
        """Take the notices that have come, and tell whether there were any."""
        with self._server.errors():
            return bool(list(self.connection.notifies(timeout=0)))

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[PostgresTransaction]:
        """Run some statements in one transaction, or each in its own by :meth:`statement`."""
        with self._server.errors(), self.connection.transaction():
            if durable:
                self.connection.execute("SET LOCAL synchronous_commit = on")
            yield PostgresTransaction(self.connection)

    @contextlib.contextmanager
    def statement(self) -> Iterator[PostgresTransaction]:
        """Run a statement in a transaction of its own."""
        with self._server.errors():
            yield PostgresTransaction(self.connection)

    def since(self, known: Change) -> NewChanges:
        """Return what changed after ``known``.

        Raises TooFarBehindError and OtherHistoryError.
        """
        with self.statement() as tx:
            found = tx.query(_CHANGES, [known.generation])
        changes: dict[int, Change] = {}
        states: dict[str, tuple[bool | None, dict[str, tuple[int, int]]]] = {}
        for _, generation, stamp, subdomain, disabled, txt, expires_at, published in found:
            if generation is None:
                break
            assert isinstance(generation, int)
            assert isinstance(stamp, float)
            changes[generation] = Change(generation, stamp, str(subdomain))
            if generation == known.generation:
                continue
            _, values = states.setdefault(
                str(subdomain), (None if disabled is None else bool(disabled), {})
            )
            if txt is not None:
                values[str(txt)] = (int(str(expires_at)), int(str(published)))
        if known.generation not in changes and known.generation <= int(str(found[0][0])):
            raise TooFarBehindError
        if changes.pop(known.generation, None) != known:
            raise OtherHistoryError
        return NewChanges(
            tuple(changes.values()),
            tuple(
                SubdomainState(
                    subdomain, disabled, tuple((txt, *rest) for txt, rest in values.items())
                )
                for subdomain, (disabled, values) in states.items()
                if subdomain
            ),
        )

    def begin_generation(self, at_least: int) -> None:
        """Count a change of the zones, with a number that is ``at_least`` that."""
        with self.transaction(durable=True) as tx:
            tx.query("SELECT generation FROM challenge_generation FOR UPDATE")
            rows.note_change(tx, "", at_least=at_least)
            node_rows.notify_change(tx)

    def value_time(self, clock: ValueClock) -> int:
        """Return the time by which values expire, and continue it from here."""
        with self.transaction() as tx:
            tx.query("SELECT generation FROM challenge_generation FOR UPDATE")
            clock.keep(tx)
            return clock.now(tx)

    @contextlib.contextmanager
    def everything(
        self,
    ) -> Iterator[tuple[Change, Iterator[tuple[str, int]], Iterator[tuple[str, str, int, int]]]]:
        """Give the newest change, all registrations and all values, to be read in this order."""
        with self._server.errors(), self.connection.transaction():
            self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            # It holds no lock, and takes as long as the replica takes to write.
            self.connection.execute(
                "SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0"
            )
            newest = newest_change(PostgresTransaction(self.connection))
            assert newest is not None
            yield newest, self._registrations(), self._values()

    def _registrations(self) -> Iterator[tuple[str, int]]:
        for subdomain, disabled in self._copied(_REGISTRATIONS):
            yield subdomain, int(disabled)

    def _values(self) -> Iterator[tuple[str, str, int, int]]:
        for subdomain, txt, expires_at, generation in self._copied(_VALUES):
            yield subdomain, txt, int(expires_at), int(generation)

    def _copied(self, statement: str) -> Iterator[list[str]]:
        # No column holds anything that COPY would escape: UUIDs, base64url and numbers.
        rest = b""
        with self.connection.cursor() as cursor, cursor.copy(statement) as copy:
            for block in copy:
                *lines, rest = (rest + bytes(block)).split(b"\n")
                for line in lines:
                    yield line.decode("ascii").split("\t")
