"""A zone with two name servers, of which the second is whatever a test makes of it."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.name_servers import common_port
from tests.support.peers.knot_secondary import KnotSecondary
from tests.support.world import World, open_world, zone_text

DOMAIN = "example.com"
CHALLENGE = f"_acme-challenge.{DOMAIN}"
FIRST, SECOND = "127.0.0.1", "127.0.0.72"


@dataclass
class TwoServers(World):
    """The first server takes the updates; nothing is at the second's address yet."""

    def secondary(self, primary: str = "") -> KnotSecondary:
        """A secondary of the first server, or of another ``address@port``."""
        return KnotSecondary(
            self.folder / "secondary",
            DOMAIN,
            primary or f"{FIRST}@{self.knot.port}",
            address=SECOND,
            port=self.knot.port,
        )

    def start_issue(self, *options: str) -> subprocess.Popen[str]:
        """Start ``zoneproof issue`` for the domain, which writes events to its output."""
        return subprocess.Popen(
            self.command(
                "issue",
                "--json",
                *self.rfc2136_options,
                *self.ca_options,
                *self.dns_options,
                *options,
                DOMAIN,
            ),
            env=self.environment(),
            stdout=subprocess.PIPE,
            text=True,
        )


def events_until(process: subprocess.Popen[str], name: str) -> list[dict[str, Any]]:
    """Return the events up to the first one of that name."""
    events = []
    assert process.stdout
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == name:
            return events
    raise AssertionError(f"it ended without {name}: {events}")


@contextmanager
def open_two_servers(folder: Path) -> Iterator[TwoServers]:
    """Start the first server, and a CA whose resolver asks that one alone."""
    port = common_port(FIRST, SECOND)
    zones = {DOMAIN: zone_text(DOMAIN, "@ NS ns2", f"ns2 A {SECOND}")}
    quiet = {"PEBBLE_WFE_NONCEREJECT": "0"}
    with open_world(folder, zones, port=port, pebble_environment=quiet) as world:
        yield TwoServers(**vars(world))
