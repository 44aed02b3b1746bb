"""The SQL of the nodes that share a PostgreSQL database: functions on an open transaction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from zoneproof.challengedns.store.rows import integer
from zoneproof.storage import Transaction, columns_of, record

CHANGED: Final = "zoneproof_changed"
"""The channel on which a commit that changed an answer is notified."""
ACKNOWLEDGED: Final = "zoneproof_acknowledged"
"""The channel on which a node's acknowledgement is notified."""

_NOW = "CAST(extract(epoch FROM clock_timestamp()) AS BIGINT)"


@dataclass(frozen=True)
class NodeRow:
    """What stands in the database about a node. ``address`` is where its DNS is asked.

    ``renewed_at`` is in seconds since 1970, by the database's clock.
    """

    name: str
    address: str
    version: str
    zones: str
    renewal: int
    lost: int
    has_left: bool
    acknowledged: int
    renewed_at: int

    @property
    def is_member(self) -> bool:
        """Whether it ever held a lease."""
        return self.renewal > 0

    @property
    def holds_lease(self) -> bool:
        """Whether it has to be waited for."""
        return self.is_member and self.renewal != self.lost

    @property
    def may_answer(self) -> bool:
        """Whether it may answer without a lease, because it did not say goodbye."""
        return self.is_member and not self.holds_lease and not self.has_left


_NODE = columns_of(NodeRow)


def nodes(tx: Transaction) -> list[NodeRow]:
    """Return all nodes, by name."""
    found = tx.query(f"SELECT {_NODE} FROM challenge_node ORDER BY name")  # noqa: S608
    return [record(NodeRow, row, strict=False) for row in found]


def database_time(tx: Transaction) -> int:
    """Return the time by the database's clock, in seconds since 1970."""
    return integer(tx.query(f"SELECT {_NOW}")[0][0])


def add(tx: Transaction, name: str, address: str, version: str, zones: str) -> None:
    """Put a node into the list, without a lease; one that is there is left alone."""
    tx.execute(
        f"INSERT INTO challenge_node ({_NODE}) VALUES (?, ?, ?, ?, 0, 0, 0, 0, {_NOW})"  # noqa: S608
        " ON CONFLICT (name) DO NOTHING",
        [name, address, version, zones],
    )


def renew(tx: Transaction, name: str, address: str, version: str, zones: str) -> int | None:
    """Renew a node's lease and return its number; None if the node is not in the list."""
    found = tx.query(
        "UPDATE challenge_node SET renewal = renewal + 1, has_left = 0, renewed_at ="  # noqa: S608
        f" {_NOW}, address = ?, version = ?, zones = ? WHERE name = ? RETURNING renewal",
        [address, version, zones, name],
    )
    return integer(found[0][0]) if found else None


def acknowledge(tx: Transaction, name: str, generation: int, stamp: float) -> bool:
    """Note that a node answers from a change, and notify who waits; False if there is none such.

    The change, or the node, may be gone with a part of the database's history.
    """
    found = tx.query(
        "WITH done AS (UPDATE challenge_node SET acknowledged = ? WHERE name = ? AND EXISTS"
        " (SELECT 1 FROM challenge_change WHERE generation = ? AND stamp = ?) RETURNING 1)"
        " SELECT COUNT(*), pg_notify(?, '') FROM done",
        [generation, name, generation, stamp, ACKNOWLEDGED],
    )
    return bool(found[0][0])


def mark_lost(tx: Transaction, node: NodeRow) -> None:
    """Note that the lease which a node held has ended, unless it has renewed it meanwhile."""
    tx.execute(
        "UPDATE challenge_node SET lost = renewal WHERE name = ? AND renewal = ?",
        [node.name, node.renewal],
    )


def leave(tx: Transaction, name: str) -> None:
    """Give up a node's lease: it answers no more for registrations, and nobody waits for it."""
    tx.query(
        "WITH done AS (UPDATE challenge_node SET lost = renewal, has_left = 1 WHERE name = ?"
        " RETURNING 1) SELECT COUNT(*), pg_notify(?, '') FROM done",
        [name, ACKNOWLEDGED],
    )


def remove(tx: Transaction, name: str) -> bool:
    """Take a node from the list; False if it is not in it."""
    return bool(tx.execute("DELETE FROM challenge_node WHERE name = ?", [name]))


def latest_change(tx: Transaction) -> int:
    """Return the generation of the newest change of an answer; 0 if there was none."""
    found = tx.query("SELECT generation FROM challenge_change ORDER BY generation DESC LIMIT 1")
    return integer(found[0][0]) if found else 0


def changes_behind(tx: Transaction) -> dict[str, int]:
    """Return how many changes each node has not acknowledged, of those that are still listed."""
    found = tx.query(
        "SELECT name, (SELECT COUNT(*) FROM challenge_change WHERE generation > acknowledged)"
        " FROM challenge_node"
    )
    return {str(name): int(str(count)) for name, count in found}


def notify_change(tx: Transaction) -> None:
    """Wake all nodes at the commit."""
    tx.query("SELECT pg_notify(?, '')", [CHANGED])
