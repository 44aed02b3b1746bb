"""Certificates through fakes that serve by DNS what was written to them: Pebble asks Unbound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.providers_table import row_of
from tests.providers.api_contract import ApiHarness
from tests.providers.contract_suite import closing
from tests.support.command import run_zoneproof
from tests.support.fake_http import Reply, fake_http_server
from tests.support.fake_zones_dns import FakeZonesDns
from tests.support.peers.unbound import Unbound
from zoneproof.testing.background import free_port
from zoneproof.testing.pebble import Pebble


@dataclass(frozen=True)
class Case:
    """An order, and how the service makes it difficult."""

    slug: str
    busy: int = 1  # so many requests get 429 first
    late_reads: int = 0  # of the API, after each change
    late_answers: int = 0  # of the DNS, at each name


CASES = [
    Case("bunny"),
    Case("cloudflare"),
    Case("desec", late_reads=2, late_answers=4),  # sets
    Case("digitalocean", late_reads=2, late_answers=4),  # records
    Case("gandi"),
    Case("hetzner"),
    Case("linode"),
    Case("luadns"),
    Case("namecheap", late_reads=2, late_answers=4),  # whole zones
    Case("ns1"),
    Case("porkbun"),
    Case("scaleway"),
    Case("vultr", busy=3),
]


@dataclass(frozen=True)
class Authority:
    """A CA that asks a resolver, which asks whoever listens at a port about ``example``."""

    unbound: Unbound
    pebble: Pebble
    port: int


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    folder, port = tmp_path_factory.mktemp("ca"), free_port()
    with (
        Unbound(folder / "unbound", {"example": [f"127.0.0.1@{port}"]}) as unbound,
        Pebble(folder / "pebble", dns_server=f"127.0.0.1:{unbound.port}", strict=True) as pebble,
    ):
        yield Authority(unbound, pebble, port)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.slug)
async def test_an_order_publishes_and_cleans_up(case: Case, ca: Authority, tmp_path: Path) -> None:
    made = row_of(case.slug)
    assert made
    row, api = made(), made.fake()
    api.lag = case.late_reads
    async with (
        fake_http_server(api) as server,
        closing(ApiHarness(row, api, server)) as harness,
        FakeZonesDns(api, "example", ca.port, late=case.late_answers),
    ):
        await harness.plant_address("www")
        server.faults.extend([Reply(429, b"slow down", {"Retry-After": "0"})] * case.busy)
        fields = {**harness.fields, **row.urls(server.url)}
        await issue(tmp_path, ca, case.slug, fields, "zone.example")
        assert [(one.name, one.type) for one in harness.stored.records] == [("www", "A")]


async def issue(home: Path, ca: Authority, slug: str, fields: dict[str, str], zone: str) -> None:
    """Obtain a certificate for names of a zone."""
    result = await asyncio.to_thread(
        run_zoneproof,
        "issue",
        "--json",
        f"--provider={slug}",
        *(f"--field={name}={value}" for name, value in fields.items()),
        f"--directory={ca.pebble.directory_url}",
        f"--ca-bundle={ca.pebble.ca_bundle}",
        "--agree-tos",
        f"--resolver=127.0.0.1:{ca.unbound.port}",
        f"--authoritative-port={ca.port}",
        *(zone, f"*.{zone}", f"a.b.{zone}"),
        environment={"ZONEPROOF_HOME": str(home)},
    )
    assert result.status == 0, result.stdout + result.stderr
    assert json.loads(result.stdout.splitlines()[-1])
