"""Joker.com's provider against the fake of its DMAPI."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.joker import FakeJoker
from tests.providers.harness import challenge_value, txt
from tests.support.fake_api import Key
from tests.support.fake_http import Reply
from zoneproof.core.errors import InvalidInputError, ProviderError


class TestJoker(ApiContract):
    slug = "joker"
    fake = FakeJoker
    root = "/request"
    fields = {"key": "made-up-key-0123456789"}

    async def test_what_others_have_comes_back_as_it_was(self, harness: ApiHarness) -> None:
        harness.api.plant(harness.stored, "other", "v=spf1 include:example.com ~all")
        await harness.open().add(harness.zone, [txt("a", challenge_value())])
        put = next(one for one in harness.server.requests if one.path.endswith("dns-zone-put"))
        assert b"other+TXT+0+%22v%3Dspf1+include%3Aexample.com+~all%22+300" in put.body
        values = [one.value for one in harness.stored.at("other")]
        assert values == ["v=spf1 include:example.com ~all"]

    async def test_user_and_password_do_instead_of_a_key(self, harness: ApiHarness) -> None:
        harness.api.keys["me 1234"] = Key()
        assert await harness.open(key="", user="me", password="1234").zones()
        with pytest.raises(InvalidInputError, match="set the field key"):
            harness.open(key="")

    async def test_an_answer_without_the_zone_loses_nothing(self, harness: ApiHarness) -> None:
        harness.api.plant(harness.stored, "other", "v=spf1 -all")
        provider = harness.open()
        await provider.zones()
        harness.server.faults.append(Reply(200, b"Status-Code: 0\nStatus-Text: OK\n"))
        with pytest.raises(ProviderError, match="does not have the domain's zone"):
            await provider.add(harness.zone, [txt("a", challenge_value())])
        assert [one.value for one in harness.stored.at("other")] == ["v=spf1 -all"]
