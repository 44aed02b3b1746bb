"""What a node tells the others that ask: from which change it answers, and whether it has a lease.

It is the TXT record ``_zoneproof-node`` of each zone, with a TTL of 0, as "1795937245 lease ns1".
The node's name is there because an address may lead to another node, or back to the one that asks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zoneproof.challengedns.dns.table import RegistrationTable
from zoneproof.challengedns.dns.wire import TXT, RRset
from zoneproof.challengedns.dns.zones import Resolution, ServedZones

LABEL: Final = b"_zoneproof-node"
HOLDS_LEASE, HOLDS_NONE = "lease", "none"


class NodeStatus:
    """Answers the question, for one DNS worker. ``node`` is the node's name, or "" for none."""

    def __init__(
        self, node: str, zones: ServedZones, table: RegistrationTable, clock: Callable[[], float]
    ) -> None:
        self._node = node
        self._table = table
        self._clock = clock
        self._names: frozenset[bytes] = frozenset()
        if node:
            label = len(LABEL).to_bytes(1, "big") + LABEL
            self._names = frozenset(label + zone for zone in zones.registration_zones())

    def answer(self, name: bytes) -> Resolution | None:
        """Return the answer, or None for any other name."""
        if name not in self._names:
            return None
        lease = HOLDS_LEASE if self._clock() < self._table.lease[1] else HOLDS_NONE
        text = f"{self._table.generation} {lease} {self._node}".encode()
        rdata = len(text).to_bytes(1, "big") + text
        return Resolution(answer=[RRset(name, TXT, 0, (rdata,))])


def read_status(text: str, node: str) -> tuple[int, bool]:
    """Return the change from which a node answers, and whether it holds a lease.

    Raises ValueError for what is no status, or another node's.
    """
    generation, lease, name = text.split(" ")
    if name != node:
        raise ValueError(text)
    if lease not in {HOLDS_LEASE, HOLDS_NONE}:
        raise ValueError(text)
    return int(generation), lease == HOLDS_LEASE
