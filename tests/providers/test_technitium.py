"""Technitium's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.technitium import FakeTechnitium
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import ProviderZoneError
from zoneproof.core.names import DomainName
from zoneproof.providers import Zone


class TestTechnitium(ApiContract):
    slug = "technitium"
    fake = FakeTechnitium
    fields = {"token": "932b2a3495852c15af01598f62563ae534460388b6a370bfbbb8bb6094b698e9"}

    async def test_the_zone_above_is_not_taken_for_one_that_is_not_there(
        self, harness: ApiHarness
    ) -> None:
        zone = Zone(DomainName.parse("sub.zone.example"))
        with pytest.raises(ProviderZoneError, match=r"sub\.zone\.example"):
            await harness.open().add(zone, [txt("a", challenge_value())])
        assert harness.stored.records == []

    async def test_a_zone_that_is_turned_off_is_not_listed(self, harness: ApiHarness) -> None:
        zones = await harness.open().zones()
        assert sorted(one.name.text for one in zones) == ["xzone.example", "zone.example"]

    async def test_a_value_that_is_cut_otherwise_is_removed(self, harness: ApiHarness) -> None:
        harness.api.plant(harness.stored, "a", "one\\two")
        harness.stored.records[0].extra["strings"] = ["one\\", "two"]
        await harness.open().remove(harness.zone, [txt("a", "one\\two")])
        assert harness.stored.records == []
