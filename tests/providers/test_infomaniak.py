"""Infomaniak's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.infomaniak import FakeInfomaniak
from tests.providers.harness import challenge_value, txt


class TestInfomaniak(ApiContract):
    slug = "infomaniak"
    fake = FakeInfomaniak
    fields = {"token": "0123456789abcdef_ghijklmnop"}

    async def test_the_zone_itself_is_a_dot(self, harness: ApiHarness) -> None:
        value = challenge_value()
        await harness.open().add(harness.zone, [txt("", value)])
        assert harness.server.requests[-1].json["source"] == "."
        await harness.open().remove(harness.zone, [txt("", value)])
        assert await harness.values(harness.zone, "") == []
