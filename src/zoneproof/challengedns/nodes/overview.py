"""What there is to know of all nodes, from the database and from their DNS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from zoneproof.challengedns.nodes.peers import ask_peers
from zoneproof.challengedns.nodes.replica import Peer
from zoneproof.challengedns.store import node_rows
from zoneproof.challengedns.store.node_rows import NodeRow
from zoneproof.core.names import DomainName
from zoneproof.storage import Transaction


@dataclass(frozen=True)
class NodeFacts:
    """A node. ``lease`` is ``held``, ``lost``, ``given up`` or ``none yet``.

    ``generation`` is the change from which it answers, ``behind`` how many changes are after it.
    ``answers`` tells whether its DNS answers the machine that asks.
    """

    name: str
    address: str
    version: str
    lease: str
    generation: int
    behind: int
    renewed_seconds_ago: int
    answers: bool


@dataclass(frozen=True)
class StoredNodes:
    """What the database says: how far each is ``behind``, and what time it is ``now`` there."""

    nodes: Sequence[NodeRow]
    behind: Mapping[str, int]
    now: int

    @classmethod
    def read(cls, tx: Transaction) -> StoredNodes:
        """Read it."""
        return cls(node_rows.nodes(tx), node_rows.changes_behind(tx), node_rows.database_time(tx))


def node_facts(zone: DomainName, stored: StoredNodes) -> list[NodeFacts]:
    """Return what is known of nodes. Asks them by DNS."""
    nodes = stored.nodes
    statuses = ask_peers([Peer(node.name, node.address) for node in nodes], zone, seconds=2.0)
    return [
        NodeFacts(
            name=node.name,
            address=node.address,
            version=node.version,
            lease=_lease(node),
            generation=node.acknowledged,
            behind=stored.behind[node.name],
            renewed_seconds_ago=max(0, stored.now - node.renewed_at),
            answers=status is not None,
        )
        for node, status in zip(nodes, statuses, strict=True)
    ]


def _lease(node: NodeRow) -> str:
    if not node.is_member:
        return "none yet"
    if node.holds_lease:
        return "held"
    return "given up" if node.has_left else "lost"
