"""What a node tells the others that ask: from which change it answers, and whether it has a lease.

It is the TXT record ``_zoneproof-node`` of each zone, with a TTL of 0, as in "1795937245 lease".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from zoneproof.challengedns.dns.lease import ALONE
from zoneproof.challengedns.dns.table import RegistrationTable
from zoneproof.challengedns.dns.wire import TXT, RRset
from zoneproof.challengedns.dns.zones import Resolution, ServedZones

LABEL: Final = b"_zoneproof-node"
HOLDS_LEASE, HOLDS_NONE = "lease", "none"


class NodeStatus:
    """Answers the question, for one DNS worker."""

    def __init__(
        self, zones: ServedZones, table: RegistrationTable, clock: Callable[[], float]
    ) -> None:
        self._table = table
        self._clock = clock
        self._names: frozenset[bytes] = frozenset()
        if table.lease is not ALONE:
            label = len(LABEL).to_bytes(1, "big") + LABEL
            self._names = frozenset(label + zone for zone in zones.registration_zones())

    def answer(self, name: bytes) -> Resolution | None:
        """Return the answer, or None for any other name."""
        if name not in self._names:
            return None
        lease = HOLDS_LEASE if self._clock() < self._table.lease[1] else HOLDS_NONE
        text = f"{self._table.generation} {lease}".encode()
        rdata = len(text).to_bytes(1, "big") + text
        return Resolution(answer=[RRset(name, TXT, 0, (rdata,))])


def read_status(text: str) -> tuple[int, bool]:
    """Return the change from which a node answers, and whether it holds a lease.

    Raises ValueError for what is no status.
    """
    generation, _, lease = text.partition(" ")
    if lease not in {HOLDS_LEASE, HOLDS_NONE}:
        raise ValueError(text)
    return int(generation), lease == HOLDS_LEASE
