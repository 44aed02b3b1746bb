"""GoDaddy's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.godaddy import FakeGoDaddy
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import InvalidInputError


class TestGoDaddy(ApiContract):
    slug = "godaddy"
    fake = FakeGoDaddy
    root = "/v1"
    fields = {"token": "gd_pat_0123456789abcdef"}

    def key(self, fields: dict[str, str]) -> str:  # type: ignore[override]
        return fields["token"]

    async def test_a_key_and_a_secret_do_as_well(self, harness: ApiHarness) -> None:
        provider = harness.open(token="", key="the-key", secret=self.fields["token"])
        await provider.add(harness.zone, [txt("a", challenge_value())])
        sent = harness.server.requests[-1].headers["authorization"]
        assert sent == f"sso-key the-key:{self.fields['token']}"

    async def test_half_of_a_key_is_not_enough(self, harness: ApiHarness) -> None:
        with pytest.raises(InvalidInputError, match="'token', or both 'key' and 'secret'"):
            harness.open(token="", key="the-key")

    async def test_empty_records_of_the_past_are_not_kept(self, harness: ApiHarness) -> None:
        harness.api.plant(harness.stored, "a", "")
        value = challenge_value()
        await harness.open().add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]

    async def test_a_domain_that_is_registered_elsewhere_is_a_zone_too(
        self, harness: ApiHarness
    ) -> None:
        assert isinstance(harness.api, FakeGoDaddy)
        harness.api.elsewhere = {harness.stored.name}
        assert harness.zone.name in {zone.name for zone in await harness.open().zones()}
