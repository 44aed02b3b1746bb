"""Rackspace's provider against the fake of its API."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.rackspace import FakeRackspace
from tests.providers.harness import challenge_value, txt
from zoneproof.core.errors import ProviderUnavailableError


class TestRackspace(ApiContract):
    slug = "rackspace"
    fake = FakeRackspace
    root = "/v2.0"
    fields = {"user": "acme", "key": "0123456789abcdef"}

    def key(self, fields: Mapping[str, str]) -> str:
        return f"{fields['user']}:{fields['key']}"

    async def test_a_change_is_waited_for(self, harness: ApiHarness) -> None:
        await harness.open().add(harness.zone, [txt("a", challenge_value())])
        paths = [request.path for request in harness.server.requests]
        assert sum("/status/" in path and "showDetails=true" in path for path in paths) == 2

    async def test_what_is_added_twice_at_once_is_no_failure(self, harness: ApiHarness) -> None:
        value = challenge_value()
        harness.api.after_read.append(lambda: harness.api.plant(harness.stored, "a", value))
        await harness.open().add(harness.zone, [txt("a", value)])
        assert await harness.values(harness.zone, "a") == [value]

    async def test_a_job_that_does_not_end_is_not_waited_for_forever(
        self, harness: ApiHarness
    ) -> None:
        assert isinstance(harness.api, FakeRackspace)
        harness.api.endless = True
        with pytest.raises(ProviderUnavailableError, match="not done"):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
