"""Duck DNS's provider against the fake of its update URL."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.providers.api_harness import ApiHarness
from tests.providers.duckdns_harness import DuckDnsHarness
from tests.providers.fakes.duckdns import FakeDuckDns
from tests.providers.harness import challenge_value, closing, txt
from tests.providers.one_value_contract import OneValueContract
from tests.support.fake_http import fake_http_server
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName
from zoneproof.providers import Zone


class TestDuckDns(OneValueContract):
    slug = "duckdns"
    fake = FakeDuckDns
    root = "/update"
    fields = {"token": "a7c4d0ad-114e-40ef-ba1d-d217904a50f2"}

    @pytest.fixture
    async def harness(self) -> AsyncIterator[ApiHarness]:
        api = FakeDuckDns()
        async with (
            fake_http_server(api) as server,
            closing(DuckDnsHarness(self, api, server)) as made,
        ):
            yield made

    async def test_two_names_below_a_domain_share_its_value(self, harness: ApiHarness) -> None:
        batch = [txt(f"_acme-challenge.{one}", challenge_value()) for one in "ab"]
        with pytest.raises(InvalidInputError, match="one value at a time"):
            await harness.open().add(harness.zone, batch)
        await harness.open().add(harness.zone, batch[:1])
        assert "domains=zone&" in harness.server.requests[0].path

    async def test_only_names_of_duck_dns_are_changed(self, harness: ApiHarness) -> None:
        elsewhere = Zone(DomainName.parse("zone.example"))
        with pytest.raises(InvalidInputError, match="not below"):
            await harness.open().add(elsewhere, [txt("a", challenge_value())])
        assert not harness.server.requests
