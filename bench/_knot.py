"""Knot DNS as a peer: set up for nothing but answers, with as many workers as there are cores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.support.peers import dns_tool, dns_tool_environment
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

_CONFIG = """
server:
    rundir: "{folder}"
    listen: 127.0.0.1@{port}
    udp-workers: {workers}
    tcp-workers: 1
    background-workers: 1
log:
  - target: stderr
    any: info
database:
    storage: "{folder}"
zone:
  - domain: {zone}
    storage: "{folder}"
    file: zone
    journal-content: none
    zonefile-sync: -1
"""


class Knot(BackgroundServer):
    """A knotd with TXT records: ``values`` by name, names without trailing dot, TTL 1."""

    def __init__(self, folder: Path, zone: str, values: Mapping[str, str], *, workers: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        with (folder / "zone").open("w") as file:
            file.write(f"$ORIGIN {zone}.\n$TTL 1\n@ SOA ns1 hostmaster 1 3600 600 86400 30\n")
            file.write("@ NS ns1\nns1 A 127.0.0.1\n")
            file.writelines(f'{name}. TXT "{txt}"\n' for name, txt in values.items())
        (folder / "knot.conf").write_text(
            _CONFIG.format(folder=folder, port=self.port, workers=workers, zone=zone)
        )
        super().__init__(
            "Knot",
            [dns_tool("knotd"), "-c", str(folder / "knot.conf"), "-v"],
            r"server started",
            environment=dns_tool_environment(),
        )
