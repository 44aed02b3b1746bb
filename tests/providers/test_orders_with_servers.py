"""Certificates through servers that others have made: Knot, PowerDNS, and moto for Route 53."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.support.fake_api import FakeZone, Record
from tests.support.fake_zones_dns import FakeZonesDns
from tests.support.orders import Authority, authority
from tests.support.peers.knot import TSIG_NAME, TSIG_SECRET, Knot
from tests.support.peers.moto import moto_server, route53_client, route53_zones
from tests.support.peers.powerdns import API_KEY, PowerDns
from zoneproof.providers.txt_text import unquote_txt

ZONE = "zone.example"
_ZONE_TEXT = "@ 60 SOA ns1 hostmaster 1 3600 600 86400 60\n@ 60 NS ns1\nns1 60 A 127.0.0.1\n"


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Authority]:
    with authority(tmp_path_factory.mktemp("ca")) as running:
        yield running


async def test_rfc2136_at_knot(ca: Authority, tmp_path: Path) -> None:
    zones = {"example": f"$ORIGIN example.\n{_ZONE_TEXT}", ZONE: f"$ORIGIN {ZONE}.\n{_ZONE_TEXT}"}
    with Knot(tmp_path / "knot", zones, port=ca.port):
        fields = {"server": "127.0.0.1", "port": str(ca.port)}
        key = {"key_name": TSIG_NAME, "secret": TSIG_SECRET}
        await ca.issue(tmp_path / "home", "rfc2136", {**fields, **key}, ZONE)


async def test_powerdns(ca: Authority, tmp_path: Path) -> None:
    with PowerDns(tmp_path / "powerdns", ["example", ZONE], port=ca.port) as server:
        server.insert(ZONE, f"www.{ZONE}", "TXT", '"not ours"')
        fields = {"server": server.url, "key": API_KEY}
        await ca.issue(tmp_path / "home", "powerdns", fields, ZONE)
        assert server.records(f"_acme-challenge.{ZONE}") == []
        assert server.records(f"www.{ZONE}") == [("TXT", '"not ours"')]


class HostedZones:
    """What is in moto's hosted zones, read from its memory, to be served by DNS.

    Two requests by HTTP for each question would be too slow on a busy machine.
    """

    @property
    def zones(self) -> Mapping[str, FakeZone]:
        """The zones with their TXT records."""
        return {
            key: self._zone(key, one.name.rstrip("."), one.rrsets)
            for key, one in route53_zones().items()
        }

    def _zone(self, key: str, name: str, sets: Sequence[Any]) -> FakeZone:
        records = [
            Record(0, one.name.removesuffix(f".{name}."), "TXT", unquote_txt(value), 60)
            for one in list(sets)
            if one.type == "TXT"
            for value in one.records
        ]
        return FakeZone(key, name, records)


async def test_route53_at_moto(ca: Authority, tmp_path: Path) -> None:
    with moto_server() as url:
        route53_client(url).create_hosted_zone(Name=ZONE, CallerReference="1")
        store = HostedZones()
        fields = {"access_key_id": "AKIAEXAMPLE", "secret_access_key": "made-up"}
        async with FakeZonesDns(store, "example", ca.port):
            fields["api_url"] = f"{url}/2013-04-01"
            await ca.issue(tmp_path, "route53", fields, ZONE)
        assert [zone.records for zone in store.zones.values()] == [[]]
