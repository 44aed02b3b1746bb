"""A small internet on loopback: an authoritative server, a CA's resolver and a CA."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import dns.message
import dns.query
import dns.rdatatype

from tests.support.command import Result, run_zoneproof
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, Knot
from tests.support.peers.unbound import Unbound
from zoneproof.testing.pebble import Pebble

ZONE = """$ORIGIN {name}.
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
ns1 A 127.0.0.1
www A 192.0.2.1
"""


def zone_text(name: str, *lines: str) -> str:
    """Return a small zone with the lines added."""
    return ZONE.format(name=name) + "".join(f"{line}\n" for line in lines)


@dataclass
class World:
    """The servers, and a command line that knows them."""

    folder: Path
    knot: Knot
    unbound: Unbound
    pebble: Pebble

    @property
    def home(self) -> Path:
        """ZONEPROOF_HOME of the runs."""
        return self.folder / "home"

    @property
    def dns_options(self) -> list[str]:
        """Options with which the command asks these servers."""
        return [
            f"--resolver=127.0.0.1:{self.unbound.port}",
            f"--authoritative-port={self.knot.port}",
        ]

    @property
    def ca_options(self) -> list[str]:
        """Options with which the command uses this CA."""
        return [
            f"--directory={self.pebble.directory_url}",
            f"--ca-bundle={self.pebble.ca_bundle}",
            "--agree-tos",
        ]

    @property
    def rfc2136_options(self) -> list[str]:
        """Options with which the command updates the authoritative server."""
        return [
            "--provider=rfc2136",
            "--server=127.0.0.1",
            f"--field=port={self.knot.port}",
            f"--field=key_name={TSIG_NAME}",
            f"--field=secret=@{self.knot.secret_file}",  # of which nothing is warned
            f"--field=algorithm={TSIG_ALGORITHM}",
        ]

    def at(self, folder: Path) -> Self:
        """Return the same servers for another machine, which knows nothing of this one's runs."""
        return replace(self, folder=folder)

    def write_settings(self, *lines: str) -> None:
        """Write settings.toml, so that every command asks these servers."""
        self.home.mkdir(parents=True, exist_ok=True)
        text = f"""authoritative_port = {self.knot.port}
dns.resolvers = ["127.0.0.1:{self.unbound.port}"]
"""
        (self.home / "settings.toml").write_text(text + "".join(f"{line}\n" for line in lines))

    def command(self, *arguments: str) -> list[str]:
        """Return the command line for ``zoneproof`` with the arguments."""
        return [sys.executable, "-m", "zoneproof", *arguments]

    def environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return the environment of the runs."""
        return {**os.environ, "ZONEPROOF_HOME": str(self.home), **(extra or {})}

    def run(
        self,
        *arguments: str,
        environment: Mapping[str, str] | None = None,
        module: str = "zoneproof",
        bound: bool = False,
    ) -> Result:
        """Run ``zoneproof``, or a module around it, with the arguments to its end."""
        return run_zoneproof(
            *arguments, environment=self.environment(environment), module=module, bound=bound
        )

    def good(self, *arguments: str) -> str:
        """Run ``zoneproof`` with the arguments, which succeeds, and return what it prints."""
        result = self.run(*arguments)
        assert result.status == 0, result.stdout + result.stderr
        return result.stdout

    def shown(self, name: str) -> dict[str, Any]:
        """Return what ``show`` has to say of a certificate."""
        facts: dict[str, Any] = json.loads(self.run("show", name, "--json").stdout)
        return facts

    def listed(self) -> list[dict[str, Any]]:
        """Return what ``list`` has to say of all certificates."""
        facts: list[dict[str, Any]] = json.loads(self.run("list", "--json").stdout)
        return facts

    def issue(self, *arguments: str) -> Result:
        """Run ``zoneproof issue --json`` with rfc2136 for the names and options given."""
        return self.run(
            "issue",
            "--json",
            *self.rfc2136_options,
            *self.ca_options,
            *self.dns_options,
            *arguments,
        )

    def txt_values(self, name: str) -> set[str]:
        """Return the TXT values that the authoritative server has at the name."""
        question = dns.message.make_query(name, "TXT")
        reply = dns.query.tcp(question, "127.0.0.1", port=self.knot.port, timeout=5)
        return {
            b"".join(record.strings).decode()
            for rrset in reply.answer
            if rrset.rdtype == dns.rdatatype.TXT
            for record in rrset
        }


@contextmanager
def open_world(
    folder: Path,
    zones: Mapping[str, str],
    *,
    stubs: Mapping[str, list[str]] | None = None,
    port: int | None = None,
    pebble_environment: Mapping[str, str] | None = None,
    pebble_config: Mapping[str, Any] | None = None,
) -> Iterator[World]:
    """Start the servers for the zones; ``stubs`` are further zones that Unbound knows, ``port``
    is that of the authoritative server.

    The domains above the zones are there too, because CAA is asked all the way up.
    """
    tops = {name.rpartition(".")[2] for name in zones}
    zones = {top: zone_text(top) for top in tops} | dict(zones)
    with Knot(folder / "knot", dict(zones), port=port) as knot:
        known = {name: [f"127.0.0.1@{knot.port}"] for name in zones} | dict(stubs or {})
        with (
            Unbound(folder / "unbound", known) as unbound,
            Pebble(
                folder / "pebble",
                dns_server=f"127.0.0.1:{unbound.port}",
                strict=True,
                environment=pebble_environment,
                config=pebble_config,
            ) as pebble,
        ):
            yield World(folder, knot, unbound, pebble)
