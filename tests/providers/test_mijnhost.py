"""mijn.host's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.mijnhost import FakeMijnHost
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import ProviderError, ProviderZoneError


class TestMijnHost(ApiContract):
    slug = "mijnhost"
    fake = FakeMijnHost
    root = "/api/v2"
    fields = {"api_key": "0123456789abcdef0123456789abcdef"}

    async def test_a_batch_is_one_read_one_write_and_one_check(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.n{i}", challenge_value()) for i in range(100)]
        await harness.open().add(harness.zone, batch)
        assert [one.method for one in harness.server.requests] == ["GET", "PUT", "GET"]

    async def test_a_domain_that_is_not_managed_is_asked_for_again(
        self, harness: ApiHarness
    ) -> None:
        name, value = await harness.new_name(), challenge_value()
        harness.server.faults.append(harness.api.refuse("unmanaged"))
        await harness.open().add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        with (
            harness.server.failing(harness.api.refuse("unmanaged")),
            pytest.raises(ProviderZoneError, match="name servers"),
        ):
            await harness.open().add(harness.zone, [txt(name, challenge_value())])

    async def test_a_record_without_a_name_is_an_unexpected_answer(
        self, harness: ApiHarness
    ) -> None:
        body = {"data": {"records": [{"type": "TXT", "value": "x", "ttl": 300}]}}
        with (
            harness.server.failing(Reply(200, body)),
            pytest.raises(ProviderError, match="unexpected form"),
        ):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert {one.method for one in harness.server.requests} == {"GET"}
