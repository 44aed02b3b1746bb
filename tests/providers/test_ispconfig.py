"""ISPConfig's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.ispconfig import FakeIspConfig
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import ProviderZoneError
from zoneproof.core.names import DomainName
from zoneproof.providers import Zone


class TestIspConfig(ApiContract):
    slug = "ispconfig"
    fake = FakeIspConfig
    root = "/remote/json.php"
    fields = {"user": "acme", "password": "a-made-up-password"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['user']}:{fields['password']}"

    def urls(self, server: str) -> Mapping[str, str]:
        return {"server": server + self.root}

    async def test_a_session_that_has_ended_is_begun_again(self, harness: ApiHarness) -> None:
        provider, values = harness.open(), [challenge_value(), challenge_value()]
        await provider.add(harness.zone, [txt("a", values[0])])
        harness.api._issued.clear()
        await provider.add(harness.zone, [txt("a", values[1])])
        assert await harness.values(harness.zone, "a") == values

    async def test_a_zone_that_is_not_there_is_named(self, harness: ApiHarness) -> None:
        zone = Zone(DomainName.parse("unknown.example"))
        with pytest.raises(ProviderZoneError, match=r"unknown\.example"):
            await harness.open().add(zone, [txt("a", "value")])
