"""Gcore's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.gcore import FakeGcore
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import ProviderError


class TestGcore(ApiContract):
    slug = "gcore"
    fake = FakeGcore
    root = "/dns"
    fields = {"token": "1234$0123456789abcdef"}

    async def test_what_else_a_set_has_stays(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeGcore)
        name, value = await harness.new_name(), challenge_value()
        pickers = {"pickers": [{"type": "geodns", "limit": 1, "strict": True}]}
        harness.api.settings[harness.stored.name, name] = pickers
        await harness.plant_value(name, "theirs")
        theirs = harness.stored.at(name)[0].extra
        theirs |= {"enabled": False, "meta": {"countries": ["lu"]}}
        for change in (harness.open().add, harness.open().remove):
            await change(harness.zone, [txt(name, value)])
            assert harness.api.settings[harness.stored.name, name] == pickers
            assert harness.stored.at(name)[0].extra == theirs

    async def test_a_record_without_its_value_is_an_unexpected_answer(
        self, harness: ApiHarness
    ) -> None:
        body = {"ttl": 120, "resource_records": [{"enabled": True}]}
        with (
            harness.server.failing(Reply(200, body)),
            pytest.raises(ProviderError, match="unexpected form"),
        ):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
