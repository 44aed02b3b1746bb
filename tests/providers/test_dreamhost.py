"""DreamHost's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.dreamhost import FakeDreamHost
from tests.providers.harness import challenge_value, txt


class TestDreamHost(ApiContract):
    slug = "dreamhost"
    fake = FakeDreamHost
    fields = {"key": "6SHU5P2HLDAYEXMP"}

    async def test_a_batch_is_listed_once(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(5)]
        await harness.open().add(harness.zone, batch)
        lists = [one for one in harness.server.requests if "dns-list_records" in one.path]
        assert (len(lists), len(harness.server.requests)) == (1, 6)

    async def test_a_zone_with_several_records_is_one_zone(self, harness: ApiHarness) -> None:
        provider = harness.open()
        await provider.add(harness.zone, [txt("a", "one"), txt("b", "two")])
        names = [zone.name.text for zone in await provider.zones()]
        assert names.count(harness.zone.name.text) == 1
