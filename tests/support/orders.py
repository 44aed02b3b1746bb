"""Orders of a Pebble that asks an Unbound, which asks one port about ``example``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import run_zoneproof
from tests.support.peers.unbound import Unbound
from zoneproof.testing.pebble import Pebble
from zoneproof.testing.ports import free_port


@dataclass(frozen=True)
class Authority:
    """The CA, its resolver, and the port at 127.0.0.1 where it asks about ``example``."""

    unbound: Unbound
    pebble: Pebble
    port: int

    async def issue(self, home: Path, slug: str, fields: Mapping[str, str], zone: str) -> None:
        """Obtain a certificate for three names of a zone, two of which share a challenge name."""
        result = await asyncio.to_thread(
            run_zoneproof,
            "issue",
            "--json",
            f"--provider={slug}",
            *(f"--field={name}={value}" for name, value in fields.items()),
            f"--directory={self.pebble.directory_url}",
            f"--ca-bundle={self.pebble.ca_bundle}",
            "--agree-tos",
            f"--resolver=127.0.0.1:{self.unbound.port}",
            f"--authoritative-port={self.port}",
            *(zone, f"*.{zone}", f"a.b.{zone}"),
            environment={"ZONEPROOF_HOME": str(home)},
        )
        assert result.status == 0, result.stdout + result.stderr
        assert json.loads(result.stdout.splitlines()[-1])


@contextmanager
def authority(folder: Path) -> Iterator[Authority]:
    """Run the CA until the block ends."""
    port = free_port()
    with (
        Unbound(folder / "unbound", {"example": [f"127.0.0.1@{port}"]}) as unbound,
        Pebble(folder / "pebble", dns_server=f"127.0.0.1:{unbound.port}", strict=True) as pebble,
    ):
        yield Authority(unbound, pebble, port)
