"""Vercel's provider against the fake of its API."""

from __future__ import annotations

from tests.providers.api_contract import ApiContract, ApiHarness
from tests.providers.contract_suite import challenge_value, txt
from tests.providers.fakes.vercel import FakeVercel


class TestVercel(ApiContract):
    slug = "vercel"
    fake = FakeVercel
    fields = {"token": "0Ql5bPNtqJd1eHvW3xYzAbCd"}

    async def test_each_request_names_the_team_if_one_is_set(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeVercel)
        record = txt("a", challenge_value())
        await harness.open().add(harness.zone, [record])
        assert harness.api.teams == {None}
        harness.api.teams.clear()
        provider = harness.open(team_id="team_1234")
        await provider.zones()
        await provider.remove(harness.zone, [record])
        await provider.add(harness.zone, [record])
        assert harness.api.teams == {"team_1234"}
