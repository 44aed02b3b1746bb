"""What there is to know of all nodes, from the database and from their DNS."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from zoneproof.challengedns.nodes.peers import ask_peers
from zoneproof.challengedns.nodes.replica import Peer
from zoneproof.challengedns.store.node_rows import NodeRow
from zoneproof.core.names import DomainName


@dataclass(frozen=True)
class NodeFacts:
    """A node. ``lease`` is ``held``, ``lost``, ``given up`` or ``none yet``.

    ``generation`` is the change from which it answers, ``behind`` how many numbers are after it.
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


def node_facts(
    zone: DomainName, nodes: Sequence[NodeRow], latest: int, now: int
) -> list[NodeFacts]:
    """Return what is known of nodes; ``latest`` is the newest change, ``now`` the database's time.

    Asks them by DNS.
    """
    statuses = ask_peers([Peer(node.name, node.address) for node in nodes], zone, seconds=2.0)
    return [
        NodeFacts(
            name=node.name,
            address=node.address,
            version=node.version,
            lease=_lease(node),
            generation=node.acknowledged,
            behind=max(0, latest - node.acknowledged),
            renewed_seconds_ago=max(0, now - node.renewed_at),
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
