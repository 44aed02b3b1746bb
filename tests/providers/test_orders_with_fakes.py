"""Certificates through fakes that serve by DNS what was written to them: Pebble asks Unbound."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.providers_table import row_of
from tests.providers.api_harness import ApiHarness
from tests.providers.harness import closing
from tests.support.fake_http import Reply, fake_http_server
from tests.support.fake_zones_dns import FakeZonesDns
from tests.support.orders import Authority, authority


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


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as running:
        yield running


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
        await ca.issue(tmp_path, case.slug, fields, "zone.example")
        assert [(one.name, one.type) for one in harness.stored.records] == [("www", "A")]
