"""ZoneEdit's provider against the fake of its URLs.

Clauses about what is read before, and about a value that is not there, have no meaning: nothing can
be read, and what the service says is not known.
"""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiRow
from tests.providers.api_harness import ApiHarness
from tests.providers.contract_suite import (
    FailsInTheMiddle,
    FailsWell,
    IsSureOfRefusals,
    KeepsItsDeadline,
    KeepsOtherTypes,
    KeepsOtherValues,
    SharesNothing,
    StaysInItsZone,
    TakesManyAtOnce,
)
from tests.providers.fakes.zoneedit import FakeZoneEdit
from tests.providers.harness import challenge_value, txt
from tests.support.clock import Clock
from tests.support.fake_http import Reply
from zoneproof.core.aio import all_at_once
from zoneproof.providers import ProviderContext, open_provider


class TestZoneEdit(
    ApiRow,
    KeepsOtherValues,
    KeepsOtherTypes,
    FailsInTheMiddle,
    IsSureOfRefusals,
    TakesManyAtOnce,
    StaysInItsZone,
    KeepsItsDeadline,
    FailsWell,
    SharesNothing,
):
    slug = "zoneedit"
    fake = FakeZoneEdit
    fields = {"user": "somebody", "token": "0123456789ABCDEF"}

    async def test_a_value_is_created_once(self, harness: ApiHarness) -> None:
        provider, record = harness.open(), txt("a", challenge_value())
        for _ in range(2):
            await all_at_once(provider.add(harness.zone, [record, record]) for _ in range(2))
        assert await harness.values(harness.zone, "a") == [record.value]

    async def test_requests_are_ten_seconds_apart(self, harness: ApiHarness) -> None:
        clock = Clock()
        fields = {**harness.fields, "api_url": harness.server.url}
        context = ProviderContext(fields, sleep=clock.sleep, clock=clock)
        provider = harness.remember(open_provider("zoneedit", context))
        await provider.add(harness.zone, [txt("a", challenge_value()) for _ in range(3)])
        assert clock.slept == [10.5, 10.5]

    @pytest.mark.parametrize("words", ["Minimum 10 seconds between requests", "zone LOCKED"])
    async def test_a_service_that_is_busy_is_asked_again(
        self, harness: ApiHarness, words: str
    ) -> None:
        record = txt("a", challenge_value())
        busy = f'<ERROR CODE="702" PARAM="10" TEXT="{words}" ZONE="zone.example">'
        harness.server.faults.append(Reply(200, busy.encode()))
        await harness.open().add(harness.zone, [record])
        assert await harness.values(harness.zone, "a") == [record.value]
