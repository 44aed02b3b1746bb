"""Knot DNS as an authoritative server that takes TSIG-signed updates."""

from __future__ import annotations

from pathlib import Path

from tests.peers import dns_tool, dns_tool_environment
from zoneproof.cli.demo.background import BackgroundServer, free_port

TSIG_NAME = "update-key"
TSIG_SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="
TSIG_ALGORITHM = "hmac-sha256"


class Knot(BackgroundServer):
    """A knotd for zones given as text. Updates and transfers need the key above."""

    def __init__(
        self,
        folder: Path,
        zones: dict[str, str],
        *,
        address: str = "127.0.0.1",
        port: int | None = None,
        updates: bool = True,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.address = address
        self.port = port or free_port(address)
        for name, text in zones.items():
            (folder / f"{name}.zone").write_text(text)
        acl = "    acl: updates\n" if updates else ""
        (folder / "knot.conf").write_text(
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
acl:
  - id: updates
    key: {TSIG_NAME}
    action: [update, transfer]
template:
  - id: default
    storage: "{folder}"
    file: "%s.zone"
    journal-content: changes
    zonefile-sync: -1
    zonefile-load: difference
zone:
"""
            + "".join(f"  - domain: {name}\n{acl}" for name in zones)
        )
        super().__init__(
            f"Knot at {address}",
            [dns_tool("knotd"), "-c", str(folder / "knot.conf"), "-v"],
            r"server started",
            environment=dns_tool_environment(),
        )
