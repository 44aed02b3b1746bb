"""PowerDNS's provider against the fake of its API, and against a real server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from functools import partial

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.contract_suite import (
    ChangesNothingTwice,
    FailsWell,
    KeepsOtherTypes,
    KeepsOtherValues,
    StaysInItsZone,
    TakesAnyText,
    TakesBatches,
    TakesManyAtOnce,
)
from tests.providers.fakes.powerdns import FakePowerDns
from tests.providers.harness import (
    Failure,
    HarnessWithTrouble,
    HarnessWithTypes,
    HarnessWithZones,
    challenge_value,
    closing,
    no_sleep,
    txt,
)
from tests.support.fake_api import Key
from tests.support.peers.powerdns import API_KEY, PowerDns
from zoneproof.core.errors import ProviderCredentialsError, ProviderError, ProviderZoneError
from zoneproof.core.names import DomainName
from zoneproof.providers import Provider, ProviderContext, Zone, open_provider
from zoneproof.providers.txt_text import unquote_txt


class TestPowerDns(ApiContract):
    slug = "powerdns"
    fake = FakePowerDns
    fields = {"key": "0123456789abcdef"}

    async def test_a_batch_is_one_change(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(30)]
        await harness.open().add(harness.zone, batch)
        methods = [request.method for request in harness.server.requests]
        assert methods.count("PATCH") == 1

    async def test_a_server_with_many_zones_lists_them_all(self, harness: ApiHarness) -> None:
        """There are servers with 35,000 and with 200,000 (PowerDNS issue 6285, for one)."""
        harness.api.keys = dict.fromkeys(harness.api.keys, Key())
        for number in range(50_000):
            harness.api.add_zone(f"customer-number-{number}.example")
        assert len(await harness.open().zones()) > 50_000


def _zone(name: str) -> Zone:
    return Zone(DomainName.parse(name))


class RealServer(HarnessWithTypes, HarnessWithZones, HarnessWithTrouble):
    """The provider beside a pdns_server, whose database is read and written to."""

    kinds = frozenset({ProviderCredentialsError, ProviderZoneError, ProviderError})

    def __init__(self, server: PowerDns) -> None:
        super().__init__()
        self.server = server
        self.zone, self.look_alike = _zone("zone.example"), _zone("xzone.example")
        self.hidden = [API_KEY]

    def make(self, **changed: str) -> Provider:
        fields = {"server": self.server.url, "key": API_KEY, **changed}
        return open_provider("powerdns", ProviderContext(fields, sleep=no_sleep))

    def open(self, **changed: str) -> Provider:
        return self.remember(self.make(**changed))

    async def values(self, zone: Zone, name: str) -> list[str]:
        found = self.server.records(zone.record(name).text)
        return [unquote_txt(content) for kind, content in found if kind == "TXT"]

    async def plant_value(self, name: str, value: str) -> None:
        self.server.insert(self.zone.name.text, self.zone.record(name).text, "TXT", f'"{value}"')

    async def plant_address(self, name: str) -> None:
        self.server.insert(self.zone.name.text, self.zone.record(name).text, "A", "192.0.2.1")

    async def addresses(self, name: str) -> list[str]:
        found = self.server.records(self.zone.record(name).text)
        return [content for kind, content in found if kind == "A"]

    async def against_silence(self) -> None:
        raise NotImplementedError

    def failures(self) -> Iterable[Failure]:
        record = txt("a", challenge_value())
        for kind, provider, zone, says in [
            (ProviderCredentialsError, self.open(key="wrong"), self.zone, "Unauthorized"),
            (ProviderZoneError, self.open(), _zone("unknown.example"), "Not Found"),
            (ProviderError, self.open(), self.zone, "Conflicts with pre-existing RRset"),
        ]:
            name = "alias" if says.startswith("Conflicts") else record.name
            attempt = partial(provider.add, zone, [txt(name, record.value)])
            yield Failure(kind, attempt, ("PowerDNS", zone.name.text, says))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PowerDns]:
    folder = tmp_path_factory.mktemp("powerdns")
    with PowerDns(folder, ["zone.example", "xzone.example"]) as running:
        running.insert("zone.example", "alias.zone.example", "CNAME", "www.example.com")
        yield running


class TestRealServer(
    KeepsOtherValues,
    KeepsOtherTypes,
    ChangesNothingTwice,
    TakesBatches,
    TakesManyAtOnce,
    TakesAnyText,
    StaysInItsZone,
    FailsWell,
):
    """Clauses that need no faults of the service."""

    @pytest.fixture
    async def harness(self, server: PowerDns) -> AsyncIterator[RealServer]:
        async with closing(RealServer(server)) as made:
            yield made

    async def test_zones_are_listed(self, harness: RealServer) -> None:
        found = await harness.open().zones()
        assert {zone.name.text for zone in found} == {"zone.example", "xzone.example"}
