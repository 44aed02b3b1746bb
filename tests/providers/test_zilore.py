"""Zilore's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.zilore import FakeZilore
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from zoneproof.core.names import DomainName
from zoneproof.providers import Zone


class TestZilore(ApiContract):
    slug = "zilore"
    fake = FakeZilore
    root = "/dns/v1"
    fields = {"key": "0123456789abcdef-Geheim"}

    async def test_names_are_searched_in_unicode(self, harness: ApiHarness) -> None:
        stored = harness.add_zone("xn--bcher-kva.example")
        harness.api.keys[harness.key] = Key()
        zone, record = Zone(DomainName.parse("bücher.example")), txt("a", challenge_value())
        await harness.open().add(zone, [record])
        assert [one.value for one in stored.at("a")] == [record.value]
        await harness.open().remove(zone, [record])
        assert stored.records == []
