"""Certificates through fakes that serve by DNS what was written to them: Pebble asks Unbound."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.api_contract import ApiContract, ApiHarness
from tests.providers.contract_suite import closing
from tests.providers.test_desec import TestDesec as DesecRow
from tests.providers.test_digitalocean import TestDigitalOcean as DigitalOceanRow
from tests.providers.test_namecheap import TestNamecheap as NamecheapRow
from tests.support.command import Result, run_zoneproof
from tests.support.fake_http import Reply, fake_http_server
from tests.support.fake_zones_dns import FakeZonesDns
from tests.support.peers.unbound import Unbound
from zoneproof.testing.background import free_port
from zoneproof.testing.pebble import Pebble

ROWS: list[type[ApiContract]] = [DesecRow, DigitalOceanRow, NamecheapRow]


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Unbound, Pebble, int]]:
    folder, port = tmp_path_factory.mktemp("ca"), free_port()
    with (
        Unbound(folder / "unbound", {"example": [f"127.0.0.1@{port}"]}) as unbound,
        Pebble(folder / "pebble", dns_server=f"127.0.0.1:{unbound.port}", strict=True) as pebble,
    ):
        yield unbound, pebble, port


@pytest.mark.parametrize("row", ROWS)
async def test_an_order_publishes_and_cleans_up(
    row: type[ApiContract], ca: tuple[Unbound, Pebble, int], tmp_path: Path
) -> None:
    unbound, pebble, port = ca
    api = row.fake()
    async with (
        fake_http_server(api) as server,
        closing(ApiHarness(row(), api, server)) as harness,
        FakeZonesDns(api, "example", port),
    ):
        await harness.plant_address("www")
        server.faults.append(Reply(429, b"slow down", {"Retry-After": "0"}))
        fields = {**harness.fields, **row().urls(server.url)}
        names = ["zone.example", "*.zone.example", "a.b.zone.example"]
        result = await _issue(
            tmp_path,
            f"--provider={row.slug}",
            *(f"--field={name}={value}" for name, value in fields.items()),
            f"--directory={pebble.directory_url}",
            f"--ca-bundle={pebble.ca_bundle}",
            "--agree-tos",
            f"--resolver=127.0.0.1:{unbound.port}",
            f"--authoritative-port={port}",
            *names,
        )
        assert result.status == 0, result.stdout + result.stderr
        assert json.loads(result.stdout.splitlines()[-1])
        assert [(one.name, one.type) for one in harness.stored.records] == [("www", "A")]


async def _issue(home: Path, *arguments: str) -> Result:
    return await asyncio.to_thread(
        run_zoneproof, "issue", "--json", *arguments, environment={"ZONEPROOF_HOME": str(home)}
    )
