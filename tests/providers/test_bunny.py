"""bunny.net's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.bunny import FakeBunny


class TestBunny(ApiContract):
    slug = "bunny"
    fake = FakeBunny
    fields = {"api_key": "0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9"}

    async def test_zones_with_many_records_are_listed(self, harness: ApiHarness) -> None:
        for number in range(20_000):
            harness.api.plant(harness.stored, f"n{number}", "v" * 200)
        assert harness.zone in await harness.open().zones()
