"""Domeneshop's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.domeneshop import FakeDomeneshop
from tests.providers.harness import challenge_value
from zoneproof.providers import TxtRecord


class TestDomeneshop(ApiContract):
    slug = "domeneshop"
    fake = FakeDomeneshop
    root = "/v0"
    fields = {"token": "kzQ9dEbTtaoUXyPM", "secret": "Jz9G1tGK0xVb7Kp2vH3dMq4WnLs5RfCy"}

    async def test_a_ttl_is_a_multiple_of_a_minute(self, harness: ApiHarness) -> None:
        name = await harness.new_name()
        await harness.open().add(harness.zone, [TxtRecord(name, challenge_value(), 100)])
        assert [one.ttl for one in harness.stored.at(name)] == [120]
