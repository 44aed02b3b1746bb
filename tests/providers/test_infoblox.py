"""Infoblox's provider against the fake of its API."""

from __future__ import annotations

import json

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.infoblox import FakeInfoblox
from tests.providers.harness import TTL, txt
from tests.support.fake_api import Key
from zoneproof.core.errors import ProviderZoneError
from zoneproof.core.names import DomainName
from zoneproof.providers import Zone


class TestInfoblox(ApiContract):
    slug = "infoblox"
    fake = FakeInfoblox
    fields = {"user": "acme", "password": "a-made-up-password"}

    async def test_nothing_is_written_to_the_zone_above(self, harness: ApiHarness) -> None:
        zone = Zone(DomainName.parse("sub.zone.example"))
        with pytest.raises(ProviderZoneError, match=r"sub\.zone\.example"):
            await harness.open().add(zone, [txt("a", "value")])
        assert harness.stored.records == []

    async def test_a_zone_that_is_turned_off_is_not_listed(self, harness: ApiHarness) -> None:
        harness.add_zone("off.zone.example")
        harness.api.keys[harness.key] = Key()
        zones = await harness.open().zones()
        assert sorted(one.name.text for one in zones) == ["xzone.example", "zone.example"]

    async def test_a_record_is_made_as_in_the_recorded_exchange(self, harness: ApiHarness) -> None:
        await harness.open().add(harness.zone, [txt("delete.testfilt", "challengetoken")])
        assert json.loads(harness.server.requests[-1].body) == {
            "text": '"challengetoken"',
            "use_ttl": True,
            "ttl": TTL,
            "name": "delete.testfilt.zone.example",
            "view": "default",
        }
