"""The contract for providers that set the only TXT value at a name and cannot read it.

Clauses about values side by side, zones and other records have no meaning there: orders take turns
(``LimitedProvider``), and the service changes nothing but that value.
"""

from __future__ import annotations

import pytest

from tests.providers.api_contract import ApiRow
from tests.providers.api_harness import ApiHarness
from tests.providers.contract_suite import (
    FailsWell,
    KeepsItsDeadline,
    SharesNothing,
    StaysInItsZone,
)
from tests.providers.harness import challenge_value, txt
from tests.support.fake_http import Reply
from zoneproof.core.errors import InvalidInputError, ProviderError, ProviderUnavailableError
from zoneproof.providers import LimitedProvider


class OneValueContract(ApiRow, KeepsItsDeadline, FailsWell, SharesNothing, StaysInItsZone):
    """All clauses that can be kept. ``gone`` is what stands at a name after a removal."""

    gone: list[str] = []

    async def test_a_value_is_set_and_cleared_as_often_as_one_likes(
        self, harness: ApiHarness
    ) -> None:
        name, value = await harness.new_name(), challenge_value()
        provider = harness.open()
        for _ in range(2):
            await provider.add(harness.zone, [txt(name, value), txt(name, value)])
            assert await harness.values(harness.zone, name) == [value]
        for _ in range(2):
            await provider.remove(harness.zone, [txt(name, value)])
            assert await harness.values(harness.zone, name) == self.gone

    async def test_an_older_value_does_not_take_the_newer_one_along(
        self, harness: ApiHarness
    ) -> None:
        name, old, new = await harness.new_name(), challenge_value(), challenge_value()
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, old)])
        await provider.add(harness.zone, [txt(name, new)])
        await provider.remove(harness.zone, [txt(name, old)])
        assert await harness.values(harness.zone, name) == [new]

    async def test_another_process_can_clear(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        await harness.open().add(harness.zone, [txt(name, value)])
        await harness.open().remove(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == self.gone

    async def test_two_values_at_a_name_are_refused_before_one_is_set(
        self, harness: ApiHarness
    ) -> None:
        name, provider = await harness.new_name(), harness.open()
        assert isinstance(provider, LimitedProvider)
        assert await provider.max_values(harness.zone, name) == 1
        batch = [txt(name, challenge_value()), txt(name, challenge_value())]
        with pytest.raises(InvalidInputError, match="one value at a time"):
            await provider.add(harness.zone, batch)
        assert await harness.values(harness.zone, name) == []

    async def test_an_answer_that_is_lost_is_made_up_for(self, harness: ApiHarness) -> None:
        name, value = await harness.new_name(), challenge_value()
        provider = harness.open()
        harness.api.lose = 1
        await provider.add(harness.zone, [txt(name, value)])
        assert harness.api.lose == 0
        assert await harness.values(harness.zone, name) == [value]

    async def test_a_write_that_fails_for_good_may_have_been_done(
        self, harness: ApiHarness
    ) -> None:
        with (
            harness.server.failing(Reply(500, b"down")),
            pytest.raises(ProviderUnavailableError) as caught,
        ):
            await harness.open().add(harness.zone, [txt("a", challenge_value())])
        assert not caught.value.changed_nothing

    async def test_a_refused_record_is_surely_not_set(self, harness: ApiHarness) -> None:
        with pytest.raises(ProviderError) as caught:
            await harness.open().add(harness.zone, [await harness.refused_record()])
        assert caught.value.changed_nothing
