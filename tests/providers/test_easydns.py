"""easyDNS's provider against the fake of its API."""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiContract
from tests.providers.api_harness import ApiHarness
from tests.providers.fakes.easydns import FakeEasydns
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import ProviderQuotaError


class TestEasydns(ApiContract):
    slug = "easydns"
    fake = FakeEasydns
    fields = {"token": "0123456789abcdef", "key": "fedcba9876543210"}

    async def test_a_request_to_be_calm_is_heard(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        harness.server.faults.append(harness.api.refuse("calm"))
        await harness.open().add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        with (
            harness.server.failing(harness.api.refuse("calm")),
            pytest.raises(ProviderQuotaError, match="500 in a day"),
        ):
            await harness.open().add(harness.zone, [txt(name, value)])

    async def test_a_failure_after_the_record_was_made_is_none(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()

        def made_but() -> None:
            harness.api.plant(harness.stored, name, value)
            harness.server.faults.append(Reply(500, b"\n\n"))

        harness.api.after_read.append(made_but)
        await harness.open().add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
