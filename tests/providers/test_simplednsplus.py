"""The provider for Simple DNS Plus against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.simplednsplus import FakeSimpleDnsPlus
from tests.providers.harness import txt


class TestSimpleDnsPlus(ApiContract):
    slug = "simplednsplus"
    fake = FakeSimpleDnsPlus
    fields = {"user": "acme", "password": "a-made-up-password"}

    def urls(self, server: str) -> Mapping[str, str]:
        return {"server": f"{server}/v2"}

    async def test_without_a_user_there_is_no_login(self, harness: ApiHarness) -> None:
        harness.api.keys[""] = harness.api.keys[harness.key]
        await harness.open(user="", password="").add(harness.zone, [txt("a", "value")])
        assert await harness.values(harness.zone, "a") == ["value"]
