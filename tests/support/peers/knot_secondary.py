"""Knot DNS as a secondary that only learns of changes when a test says so."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.support.peers import dns_tool, dns_tool_environment
from tests.support.peers.knot import KEY_SECTION, TSIG_NAME, Knotd


class KnotSecondary(Knotd):
    """A knotd that transfers ``zone`` from ``primary``, an ``address@port``.

    It asks once when it starts and then waits for the zone's SOA timers: the primary notifies
    nobody. Without ever having reached its primary it answers SERVFAIL.
    """

    def __init__(self, folder: Path, zone: str, primary: str, *, address: str, port: int) -> None:
        self.zone = zone
        sections = f"""remote:
  - id: primary
    address: {primary}
    key: {TSIG_NAME}
zone:
  - domain: {zone}
    storage: "{folder}"
    master: primary
    zonefile-sync: -1
"""
        super().__init__(
            f"secondary Knot at {address}",
            folder,
            KEY_SECTION + sections,
            address=address,
            port=port,
        )

    def refresh(self) -> None:
        """Transfer what has changed, and return when it is served."""
        subprocess.run(
            [dns_tool("knotc"), "-c", str(self.config), "-b", "zone-refresh", self.zone],
            env=dns_tool_environment(),
            check=True,
            capture_output=True,
            timeout=30,
        )
