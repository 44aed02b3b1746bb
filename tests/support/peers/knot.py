"""Knot DNS as an authoritative server that takes TSIG-signed updates."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from tests.support.peers import dns_tool, dns_tool_environment
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

TSIG_NAME = "update-key"
TSIG_SECRET = "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LTEyMzQ="
TSIG_ALGORITHM = "hmac-sha256"


class Knotd(BackgroundServer):
    """A knotd in a folder; ``sections`` of its configuration say what it serves."""

    def __init__(
        self,
        name: str,
        folder: Path,
        sections: str,
        *,
        address: str = "127.0.0.1",
        port: int | None = None,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.address = address
        self.port = port or free_port(address)
        self.config = folder / "knot.conf"
        self.config.write_text(
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
{sections}"""
        )
        super().__init__(
            name,
            [dns_tool("knotd"), "-c", str(self.config), "-v"],
            r"server started",
            environment=dns_tool_environment(),
        )


class Knot(Knotd):
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
        acl = f"""acl:
  - id: updates
    key: {TSIG_NAME}
    action: [update, transfer]
"""
        rule = "updates" if updates else ""
        super().__init__(
            f"Knot at {address}",
            folder,
            KEY_SECTION + acl + primary_zones(folder, zones, dict.fromkeys(zones, rule)),
            address=address,
            port=port,
        )
        self.secret_file = folder / "tsig.secret"
        self.secret_file.write_text(TSIG_SECRET)
        self.secret_file.chmod(0o600)


def key_section(keys: Iterable[tuple[str, str, str]]) -> str:
    """Return the configuration of TSIG keys: each a name, an algorithm and a secret."""
    return "key:\n" + "".join(
        f"  - id: {name}\n    algorithm: {algorithm}\n    secret: {secret}\n"
        for name, algorithm, secret in keys
    )


def primary_zones(folder: Path, zones: dict[str, str], rules: dict[str, str]) -> str:
    """Write the zones' files, and return the configuration that serves them.

    ``rules`` names the rule of access for each zone, empty for none.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in zones.items():
        (folder / f"{name.rstrip('.')}.zone").write_text(text)
    template = f"""template:
  - id: default
    storage: "{folder}"
    file: "%s.zone"
    journal-content: changes
    zonefile-sync: -1
    zonefile-load: difference
zone:
"""
    return template + "".join(
        f"  - domain: {name}\n" + (f"    acl: {rules[name]}\n" if rules[name] else "")
        for name in zones
    )


KEY_SECTION = key_section([(TSIG_NAME, TSIG_ALGORITHM, TSIG_SECRET)])
