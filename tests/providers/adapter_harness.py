"""Harnesses for providers that other programs stand behind: on PowerDNS's API, on Knot."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.providers.dns_servers import LOOK_ALIKE, MAIN, NameServer
from tests.providers.harness import (
    Harness,
    HarnessWithSecond,
    HarnessWithTrouble,
    HarnessWithTypes,
    HarnessWithZones,
)
from tests.support.peers import dns_tool, dns_tool_environment
from tests.support.peers.powerdns import API_KEY, PowerDns
from zoneproof.core.names import DomainName
from zoneproof.providers import Zone, python_adapter, python_child

POWERDNS_ZONES = [MAIN, LOOK_ALIKE, "example.org"]


class PowerDnsServer(PowerDns, NameServer):
    """A pdns_server with the zones of these tests."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, POWERDNS_ZONES)


class PowerDnsHarness(HarnessWithTypes, HarnessWithZones, HarnessWithTrouble, HarnessWithSecond):
    """A provider that writes through PowerDNS's API; what it wrote is asked for by DNS."""

    hidden = (API_KEY,)

    def __init__(self, server: PowerDnsServer, zone: str = MAIN) -> None:
        super().__init__()
        self.server = server
        self._servers = ExitStack()
        self.zone = Zone(DomainName.parse(zone))
        self.look_alike = Zone(DomainName.parse(LOOK_ALIKE))

    async def values(self, zone: Zone, name: str) -> list[str]:
        return await self.server.values(zone.record(name).fqdn)

    async def has_records(self, name: str) -> bool:
        return bool(self.server.records(self.zone.record(name).text))

    async def plant_value(self, name: str, value: str) -> None:
        owner = self.zone.record(name).text
        self.server.insert(self.zone.name.text, owner, "TXT", f'"{value}"')

    async def plant_address(self, name: str) -> None:
        self.server.insert(self.zone.name.text, self.zone.record(name).text, "A", "192.0.2.1")

    async def addresses(self, name: str) -> list[str]:
        reply = await self.server.ask(self.zone.record(name).fqdn, "A")
        return [str(record) for rrset in reply.answer for record in rrset]

    def second(self) -> Harness:
        # A server of its own: PowerDNS answers 500 to one of two changes at the same moment when
        # SQLite keeps its zones, and scripts that do not look at the status call that success.
        folder = self._servers.enter_context(TemporaryDirectory())
        server = self._servers.enter_context(PowerDnsServer(Path(folder, "powerdns")))
        return type(self)(server, "example.org")

    async def close(self) -> None:
        await super().close()
        self._servers.close()


def nsupdate_folder(folder: Path) -> Path:
    """Make a folder with a ``nsupdate`` that finds its libraries, for PATH."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "nsupdate"
    libraries = dns_tool_environment()["LD_LIBRARY_PATH"]
    script.write_text(f'#!/bin/sh\nLD_LIBRARY_PATH={libraries} exec {dns_tool("nsupdate")} "$@"\n')
    script.chmod(0o755)
    return folder


def run_children_by(command: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Have providers run their Python code by a command that is no Python's start."""
    whole = [*command, python_child.__file__]
    monkeypatch.setattr(python_adapter, "python_command", lambda python: whole)
