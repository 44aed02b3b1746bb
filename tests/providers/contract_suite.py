"""The provider contract as tests, clause by clause, for every provider that has a server to ask.

A provider's test module writes a :class:`~tests.providers.harness.Harness` around a real server or
a fake of its documented API, makes it the fixture ``harness``, and inherits the clauses::

    class TestExample(WholeContract):
        @pytest.fixture
        async def harness(self, example_server):
            async with closing(ExampleHarness(example_server)) as made:
                yield made

Where a clause cannot hold, because the service itself is made otherwise, the class inherits the
other clauses one by one, and its docstring says why.
"""

from __future__ import annotations

import asyncio
import secrets

import pytest

from tests.providers.harness import (
    Harness,
    HarnessWithRefusal,
    HarnessWithSecond,
    HarnessWithTrouble,
    HarnessWithTypes,
    HarnessWithZones,
    challenge_value,
    check_message,
    txt,
)
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import ProviderError, ZoneproofError


class KeepsOtherValues:
    """Clause 1, for TXT records."""

    async def test_adding_keeps_values_that_are_there(self, harness: Harness) -> None:
        name, theirs, ours = await harness.new_name(), challenge_value(), challenge_value()
        await harness.plant_value(name, theirs)
        await harness.open().add(harness.zone, [txt(name, ours)])
        assert set(await harness.values(harness.zone, name)) == {theirs, ours}

    async def test_removing_takes_only_the_value_named(self, harness: Harness) -> None:
        name, theirs, ours = await harness.new_name(), challenge_value(), challenge_value()
        await harness.plant_value(name, theirs)
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, ours)])
        await provider.remove(harness.zone, [txt(name, ours)])
        assert await harness.values(harness.zone, name) == [theirs]

    async def test_removing_the_last_value_leaves_no_empty_record(self, harness: Harness) -> None:
        name, value = await harness.new_name(), challenge_value()
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, value)])
        assert await harness.has_records(name)
        await provider.remove(harness.zone, [txt(name, value)])
        assert not await harness.has_records(name)


class KeepsOtherTypes:
    """Clause 1, for records of other types."""

    async def test_records_of_other_types_at_the_name_stay(self, harness: HarnessWithTypes) -> None:
        # Some servers take addresses at host names only, which have no underscore.
        name, value = harness.name(f"host-{secrets.token_hex(6)}"), challenge_value()
        await harness.plant_address(name)
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, value)])
        assert await harness.addresses(name) == ["192.0.2.1"]
        assert await harness.values(harness.zone, name) == [value]
        await provider.remove(harness.zone, [txt(name, value)])
        assert await harness.addresses(name) == ["192.0.2.1"]


class ChangesNothingTwice:
    """Clause 2."""

    async def test_adding_a_value_twice_leaves_it_once(self, harness: Harness) -> None:
        name, value = await harness.new_name(), challenge_value()
        provider = harness.open()
        for one in (provider, provider, harness.open()):
            await one.add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]

    async def test_adding_one_of_two_values_again_keeps_both(self, harness: Harness) -> None:
        name, first, second = await harness.new_name(), challenge_value(), challenge_value()
        provider = harness.open()
        for value in (first, second, second):
            await provider.add(harness.zone, [txt(name, value)])
        assert set(await harness.values(harness.zone, name)) == {first, second}

    async def test_removing_what_is_not_there_succeeds(self, harness: Harness) -> None:
        name, value = await harness.new_name(), challenge_value()
        provider = harness.open()
        await provider.remove(harness.zone, [txt(name, challenge_value())])
        await provider.add(harness.zone, [txt(name, value)])
        await provider.remove(harness.zone, [txt(name, challenge_value())])
        assert await harness.values(harness.zone, name) == [value]
        await provider.remove(harness.zone, [txt(name, value)])
        await provider.remove(harness.zone, [txt(name, value)])


class TakesBatches:
    """Clauses 1 and 2, for several records at once."""

    async def test_a_batch_of_several_names_is_added_and_removed(self, harness: Harness) -> None:
        names = [await harness.new_name() for _ in range(3)]
        theirs = challenge_value()
        await harness.plant_value(names[0], theirs)
        batch = [txt(name, challenge_value()) for name in [*names, *names]]
        provider = harness.open()
        await provider.add(harness.zone, batch)
        for name in names:
            ours = {record.value for record in batch if record.name == name}
            assert set(await harness.values(harness.zone, name)) - {theirs} == ours
        await provider.remove(harness.zone, batch[:4])
        assert await harness.values(harness.zone, names[1]) == [batch[4].value]
        await provider.remove(harness.zone, batch)
        assert await harness.values(harness.zone, names[0]) == [theirs]
        for name in names[1:]:
            assert not await harness.has_records(name)

    async def test_a_value_that_is_in_a_batch_twice_stands_once(self, harness: Harness) -> None:
        name, value = await harness.new_name(), challenge_value()
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, value), txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        await provider.remove(harness.zone, [txt(name, value), txt(name, value)])
        assert not await harness.has_records(name)

    async def test_a_batch_of_what_is_there_and_what_is_not(self, harness: Harness) -> None:
        name, there, new = await harness.new_name(), challenge_value(), challenge_value()
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, there)])
        await provider.add(harness.zone, [txt(name, there), txt(name, new)])
        assert set(await harness.values(harness.zone, name)) == {there, new}
        await provider.remove(harness.zone, [txt(name, challenge_value()), txt(name, there)])
        assert await harness.values(harness.zone, name) == [new]

    async def test_an_empty_batch_does_nothing(self, harness: Harness) -> None:
        provider = harness.open()
        await provider.add(harness.zone, [])
        await provider.remove(harness.zone, [])


class FailsInTheMiddle:
    """Clause 2, for a batch of which a part is refused."""

    async def test_each_record_s_outcome_is_told_and_what_was_done_can_be_removed(
        self, harness: HarnessWithRefusal
    ) -> None:
        bad = await harness.refused_record()
        good = [txt(await harness.new_name(), challenge_value()) for _ in range(2)]
        provider = harness.open()
        with pytest.raises(ProviderError) as caught:
            await provider.add(harness.zone, [good[0], bad, good[1]])
        check_message(caught.value, harness.hidden)
        written = 0
        for record in (*good, bad):
            outcome = caught.value.of(record)
            if record.value in await harness.values(harness.zone, record.name):
                written += 1
                assert outcome is None or not _changed_nothing(outcome)
            else:
                assert outcome is not None
        assert caught.value.of(bad) is not None
        assert not (written and caught.value.changed_nothing)
        await provider.remove(harness.zone, good)
        for record in good:
            assert not await harness.has_records(record.name)


class IsSureOfRefusals:
    """Clause 2: what was never written need not be removed."""

    async def test_of_the_refused_record_it_is_sure_that_it_was_not_written(
        self, harness: HarnessWithRefusal
    ) -> None:
        bad, good = await harness.refused_record(), txt(await harness.new_name(), challenge_value())
        with pytest.raises(ProviderError) as caught:
            await harness.open().add(harness.zone, [good, bad])
        outcome = caught.value.of(bad)
        assert outcome is not None
        assert _changed_nothing(outcome)


def _changed_nothing(error: ZoneproofError) -> bool:
    return isinstance(error, ProviderError) and error.changed_nothing


class TakesManyAtOnce:
    """Clause 3."""

    async def test_ten_concurrent_adds_leave_ten_values(self, harness: Harness) -> None:
        name, values = await harness.new_name(), [challenge_value() for _ in range(10)]
        provider = harness.open()
        await asyncio.gather(*(provider.add(harness.zone, [txt(name, v)]) for v in values))
        assert sorted(await harness.values(harness.zone, name)) == sorted(values)
        await asyncio.gather(*(provider.remove(harness.zone, [txt(name, v)]) for v in values[:9]))
        assert await harness.values(harness.zone, name) == values[9:]


class TakesAnyText:
    """Clause 4."""

    @pytest.mark.parametrize(
        "value",
        [
            'say "yes"',
            r"back\slash \" \\ \000",
            "semi;colon (and) more",
            "-n",
            "größer ✓",
            "x" * 255,
            "y" * 256,
            "z" * 600,
            'q"' * 200,
        ],
        ids=lambda value: value[:12],
    )
    async def test_a_value_comes_back_as_it_was(self, harness: Harness, value: str) -> None:
        name = await harness.new_name()
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        await provider.remove(harness.zone, [txt(name, value)])
        assert not await harness.has_records(name)


class StaysInItsZone:
    """Clause 5."""

    async def test_only_the_given_zone_changes(self, harness: HarnessWithZones) -> None:
        name, value = await harness.new_name(), challenge_value()
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        assert await harness.values(harness.look_alike, name) == []

    async def test_an_empty_name_is_the_zone_itself(self, harness: HarnessWithZones) -> None:
        name, value = harness.name(""), challenge_value()
        provider = harness.open()
        await provider.add(harness.zone, [txt(name, value)])
        assert value in await harness.values(harness.zone, name)
        await provider.remove(harness.zone, [txt(name, value)])
        assert value not in await harness.values(harness.zone, name)


class KeepsItsDeadline:
    """Clause 6. Retry-After and repeated writes are tested with ``ApiClient``, which does them."""

    async def test_a_server_that_never_answers_is_an_error(
        self, harness: HarnessWithTrouble
    ) -> None:
        with pytest.raises(ProviderError) as caught:
            await harness.against_silence()
        check_message(caught.value, harness.hidden)


class FailsWell:
    """Clause 7."""

    async def test_each_failure_is_the_right_error_and_says_who_where_and_why(
        self, harness: HarnessWithTrouble
    ) -> None:
        met = set()
        for failure in harness.failures():
            with pytest.raises(ProviderError) as caught:
                await failure.attempt()
            error = caught.value
            check_message(error, harness.hidden)
            assert type(error) is failure.kind, error.message
            for part in failure.says:
                assert part in error.message, error.message
            met.add(failure.kind)
        assert met >= harness.kinds


class SharesNothing:
    """Clause 8."""

    async def test_two_credentials_work_at_the_same_time(self, harness: HarnessWithSecond) -> None:
        pair: tuple[Harness, Harness] = (harness, harness.second())
        providers = [one.open() for one in pair]
        names = [await one.new_name() for one in pair]
        values = [challenge_value() for _ in pair]
        await all_at_once(
            provider.add(one.zone, [txt(name, value)])
            for one, provider, name, value in zip(pair, providers, names, values, strict=True)
        )
        for one, name, value in zip(pair, names, values, strict=True):
            assert await one.values(one.zone, name) == [value]
        await pair[1].close()

    async def test_closing_one_leaves_the_other_working(self, harness: HarnessWithSecond) -> None:
        first, second = harness.open(), harness.open()
        name, value = await harness.new_name(), challenge_value()
        await first.close()
        await second.add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        await second.close()


class WholeContract(
    KeepsOtherValues,
    KeepsOtherTypes,
    ChangesNothingTwice,
    TakesBatches,
    FailsInTheMiddle,
    IsSureOfRefusals,
    TakesManyAtOnce,
    TakesAnyText,
    StaysInItsZone,
    KeepsItsDeadline,
    FailsWell,
    SharesNothing,
):
    """All clauses."""
