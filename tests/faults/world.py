"""A small internet whose CA is reached through a proxy that does what the world does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.ca_proxy import CaProxy
from tests.support.command import Result
from tests.support.world import World, open_world, zone_text

DOMAIN = "example.com"
CHALLENGE = f"_acme-challenge.{DOMAIN}"


@dataclass
class FaultWorld(World):
    """The servers; the command knows the CA by the proxy's address."""

    proxy: CaProxy

    @property
    def ca_options(self) -> list[str]:
        return [
            f"--directory={self.proxy.directory_url}",
            f"--ca-bundle={self.pebble.ca_bundle}",
            "--agree-tos",
        ]


@contextmanager
def open_fault_world(folder: Path) -> Iterator[FaultWorld]:
    """Start the servers. Pebble refuses no nonces of its own accord, nor does it ask for waits."""
    with (
        open_world(
            folder,
            {DOMAIN: zone_text(DOMAIN), "com": zone_text("com")},
            pebble_environment={"PEBBLE_WFE_NONCEREJECT": "0"},
        ) as world,
        CaProxy(world.pebble) as proxy,
    ):
        yield FaultWorld(**vars(world), proxy=proxy)


def error_of(result: Result) -> str:
    """Return the one line with which a run failed: nothing of a traceback, and exit code 1."""
    assert result.status == 1, result.stdout + result.stderr
    assert not result.stderr, result.stderr
    message: str = result.event("error")["message"]
    assert message.isprintable()
    return message
