"""Knot DNS as a secondary that only learns of changes when a test says so."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.peers import dns_tool, dns_tool_environment
from tests.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET
from zoneproof.cli.demo.background import BackgroundServer


class KnotSecondary(BackgroundServer):
    """A knotd that transfers ``zone`` from ``primary``, an ``address@port``.

    It asks once when it starts and then waits for the zone's SOA timers: the primary notifies
    nobody. Without ever having reached its primary it answers SERVFAIL.
    """

    def __init__(self, folder: Path, zone: str, primary: str, *, address: str, port: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.zone = zone
        self.address = address
        self.port = port
        self._config = folder / "knot.conf"
        self._config.write_text(
            f"""
server:
    rundir: "{folder}"
    listen: {address}@{self.port}
    tcp-workers: 1
    udp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{folder}"
key:
  - id: {TSIG_NAME}
    algorithm: {TSIG_ALGORITHM}
    secret: {TSIG_SECRET}
remote:
  - id: primary
    address: {primary}
    key: {TSIG_NAME}
zone:
  - domain: {zone}
    storage: "{folder}"
    master: primary
    zonefile-sync: -1
"""
        )
        super().__init__(
            f"secondary Knot at {address}",
            [dns_tool("knotd"), "-c", str(self._config), "-v"],
            r"server started",
            environment=dns_tool_environment(),
        )

    def refresh(self) -> None:
        """Transfer what has changed, and return when it is served."""
        subprocess.run(
            [dns_tool("knotc"), "-c", str(self._config), "-b", "zone-refresh", self.zone],
            env=dns_tool_environment(),
            check=True,
            capture_output=True,
            timeout=30,
        )
