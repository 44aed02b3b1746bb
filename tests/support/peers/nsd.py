"""NSD as an authoritative server."""

from __future__ import annotations

from pathlib import Path

from tests.support.peers import dns_tool, dns_tool_environment
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port


class Nsd(BackgroundServer):
    """An nsd in a folder; ``clauses`` of its configuration say what it serves."""

    address = "127.0.0.1"

    def __init__(self, folder: Path, clauses: str, *, port: int | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        config = folder / "nsd.conf"
        config.write_text(
            f"""
server:
  server-count: 1
  ip-address: {self.address}
  port: {self.port}
  username: ""
  chroot: ""
  zonesdir: "{folder}"
  database: ""
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/xfrd.state"
  xfrdir: "{folder}"
  zonelistfile: "{folder}/zone.list"
  xfrd-reload-timeout: 0
  verbosity: 2
remote-control:
  control-enable: no
{clauses}"""
        )
        super().__init__(
            "NSD",
            [dns_tool("nsd"), "-d", "-c", str(config)],
            r"nsd started",
            environment=dns_tool_environment(),
        )
