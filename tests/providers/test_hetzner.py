"""Hetzner's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.hetzner import FakeHetzner
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.providers import ProviderContext, open_provider


class TestHetzner(ApiContract):
    slug = "hetzner"
    fake = FakeHetzner
    root = "/v1"
    fields = {"token": "LRK9DAWQ1ZAEFSrCNEEzLCUwhYX1U3g7wMg4dTlkkDC96fyDuyJ39nVbVjCKSDfj"}

    async def test_values_for_one_name_are_one_change(self, harness: ApiHarness) -> None:
        await harness.open().add(harness.zone, [txt("a", challenge_value()) for _ in range(3)])
        methods = [request.method for request in harness.server.requests]
        assert methods == ["GET", "POST", "GET"]  # the last asks what became of it

    async def test_a_change_that_fails_later_is_an_error(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeHetzner)
        harness.api.failing = True
        with pytest.raises(ProviderError, match="the change failed, it says: Action failed"):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])

    async def test_a_change_that_is_there_need_not_end(self, harness: ApiHarness) -> None:
        assert isinstance(harness.api, FakeHetzner)
        harness.api.endless = True
        await harness.open().add(harness.zone, [txt("a", value := challenge_value())])
        assert await harness.values(harness.zone, "a") == [value]


def test_a_token_of_the_old_api_is_no_use() -> None:
    with pytest.raises(InvalidInputError, match="shut down in May 2026"):
        open_provider("hetzner", ProviderContext({"token": "0123456789abcdef" * 2}))
