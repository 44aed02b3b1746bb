"""Zonomi's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.zonomi import FakeZonomi
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import ProviderError


class TestZonomi(ApiContract):
    slug = "zonomi"
    fake = FakeZonomi
    root = "/app/dns/dyndns.jsp"
    fields = {"key": "12345678901234567890"}

    async def test_any_other_error_leads_to_the_key(self, harness: ApiHarness) -> None:
        record = txt("a", challenge_value())
        with pytest.raises(ProviderError, match="check the API key"):
            await harness.open(key="another").add(harness.zone, [record])
        assert len(harness.server.requests) == 1

    async def test_an_answer_without_the_values_loses_none(self, harness: ApiHarness) -> None:
        harness.api.plant(harness.stored, "a", "another's")
        found = b"<dnsapi_result><is_ok>OK:</is_ok></dnsapi_result>"
        harness.server.faults.append(Reply(200, found))
        with pytest.raises(ProviderError, match="does not have the values at the name"):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert [one.value for one in harness.stored.at("a")] == ["another's"]
