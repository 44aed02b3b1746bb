"""NS1's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.ns1 import FakeNs1
from tests.providers.harness import challenge_value, txt


class TestNs1(ApiContract):
    slug = "ns1"
    fake = FakeNs1
    root = "/v1"
    fields = {"key": "5ab7b702a632f60001b0b499"}

    async def test_a_zone_without_a_name_of_its_own_has_the_domain_s(
        self, harness: ApiHarness
    ) -> None:
        harness.stored.id = harness.stored.name
        provider, name = harness.open(), harness.zone.name
        zone = next(one for one in await provider.zones() if one.name == name)
        await provider.add(zone, [txt("_acme-challenge", value := challenge_value())])
        assert await harness.values(harness.zone, "_acme-challenge") == [value]
