"""UltraDNS's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.ultradns import FakeUltraDns
from tests.providers.harness import challenge_value, txt


class TestUltraDns(ApiContract):
    slug = "ultradns"
    fake = FakeUltraDns
    fields = {"user": "acme", "password": "a-made-up-password"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['user']}:{fields['password']}"

    async def test_a_set_that_is_made_meanwhile_is_added_to(self, harness: ApiHarness) -> None:
        theirs, ours = challenge_value(), challenge_value()
        harness.api.after_read.append(lambda: harness.api.plant(harness.stored, "a", theirs))
        await harness.open().add(harness.zone, [txt("a", ours)])
        assert await harness.values(harness.zone, "a") == [theirs, ours]

    async def test_a_user_without_zones_has_none(self, harness: ApiHarness) -> None:
        harness.api.zones.clear()
        assert await harness.open().zones() == []
