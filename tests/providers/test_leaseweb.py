"""Leaseweb's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.leaseweb import FakeLeaseweb
from tests.providers.harness import challenge_value
from zoneproof.providers import TxtRecord


class TestLeaseweb(ApiContract):
    slug = "leaseweb"
    fake = FakeLeaseweb
    root = "/hosting/v2"
    fields = {"api_key": "0123abcd-4567-89ef-0123-456789abcdef"}

    async def test_a_ttl_is_raised_to_one_that_is_taken(self, harness: ApiHarness) -> None:
        name = await harness.new_name()
        await harness.open().add(harness.zone, [TxtRecord(name, challenge_value(), 120)])
        assert [one.ttl for one in harness.stored.at(name)] == [300]

    async def test_a_set_that_is_gone_meanwhile_is_made_again(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        await harness.plant_value(name, challenge_value())
        harness.api.after_read.append(lambda: harness.api.withdraw(harness.stored, name))
        await harness.open().add(harness.zone, [TxtRecord(name, value, 60)])
        assert await harness.values(harness.zone, name) == [value]
