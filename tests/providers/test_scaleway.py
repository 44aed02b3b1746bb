"""Scaleway's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.scaleway import FakeScaleway
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key


class TestScaleway(ApiContract):
    slug = "scaleway"
    fake = FakeScaleway
    root = "/domain/v2beta1"
    fields = {"secret_key": "7e32c559-7cb2-4f4e-afa2-1c7e33a8452b"}

    async def test_a_batch_is_one_change(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(20)]
        await harness.open().add(harness.zone, batch)
        methods = [request.method for request in harness.server.requests]
        assert methods == ["GET", "PATCH"]

    async def test_the_zone_of_a_subdomain_is_listed_by_its_whole_name(
        self, harness: ApiHarness
    ) -> None:
        zone = harness.add_zone("sub.zone.example")
        harness.api.keys[harness.key] = Key(frozenset({zone.name}))
        assert [one.name.text for one in await harness.open().zones()] == ["sub.zone.example"]
