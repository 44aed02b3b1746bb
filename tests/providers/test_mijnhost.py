"""mijn.host's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract, ApiHarness
from tests.providers.contract_suite import challenge_value, txt
from tests.providers.fakes.mijnhost import FakeMijnHost
from zoneproof.core.errors import ProviderZoneError


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
