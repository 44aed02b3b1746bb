"""Vercel's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.vercel import FakeVercel
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import ProviderError
from zoneproof.providers import ExpiringKeyProvider


class TestVercel(ApiContract):
    slug = "vercel"
    fake = FakeVercel
    fields = {"token": "0Ql5bPNtqJd1eHvW3xYzAbCd"}

    @pytest.mark.parametrize("end", [10**18, -(10**18)])
    async def test_an_end_that_is_no_time_is_told(self, harness: ApiHarness, end: int) -> None:
        provider = harness.open()
        assert isinstance(provider, ExpiringKeyProvider)
        with (
            harness.server.failing(Reply(200, {"token": {"expiresAt": end}})),
            pytest.raises(ProviderError, match="the key expires at no possible time"),
        ):
            await provider.key_expires()

    async def test_each_request_names_the_team_if_one_is_set(self, harness: ApiHarness) -> None:
        record = txt("a", challenge_value())
        await harness.open().add(harness.zone, [record])
        assert not any("teamId" in one.path for one in harness.server.requests)
        harness.server.requests.clear()
        provider = harness.open(team_id="team_1234")
        await provider.zones()
        await provider.remove(harness.zone, [record])
        await provider.add(harness.zone, [record])
        assert all("teamId=team_1234" in one.path for one in harness.server.requests)
