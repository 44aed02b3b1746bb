"""The provider contract as tests, clause by clause, for every provider that has a server to ask.

A provider's test module writes a :class:`Harness` around a real server or a fake of its documented
API, makes it the fixture ``harness``, and inherits the clauses::

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
import base64
import secrets
import traceback
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import ClassVar, TypeVar

import pytest

from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import (
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderZoneError,
    ZoneproofError,
)
from zoneproof.providers import Provider, TxtRecord, Zone

TTL = 60
LONGEST_MESSAGE = 600


async def no_sleep(seconds: float) -> None:
    """Pass the time between attempts at once."""
    await asyncio.sleep(0)


def challenge_value() -> str:
    """Return a new value of the form that dns-01 has."""
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode().rstrip("=")


def txt(name: str, value: str) -> TxtRecord:
    """Return a record with the tests' TTL."""
    return TxtRecord(name, value, TTL)


H = TypeVar("H", bound="Harness")


@dataclass(frozen=True)
class Failure:
    """Something that must fail: with which error, and which words its message must hold.

    ``says`` names the provider, the zone and what the provider itself said.
    """

    kind: type[ProviderError]
    attempt: Callable[[], Awaitable[object]]
    says: Sequence[str]


class Harness(ABC):
    """A provider together with the server on which its work can be seen."""

    zone: Zone
    hidden: Sequence[str] = ()  # the secrets among the credentials

    def __init__(self) -> None:
        self._opened: list[Provider] = []

    @abstractmethod
    def make(self) -> Provider:
        """Make the provider with credentials that may change ``zone``."""

    def open(self) -> Provider:
        """Make the provider; :meth:`close` closes it."""
        return self.remember(self.make())

    def remember(self, provider: Provider) -> Provider:
        """Close this provider too in :meth:`close`."""
        self._opened.append(provider)
        return provider

    async def close(self) -> None:
        """Close what was opened. The fixture ``harness`` calls this at its end."""
        for provider in self._opened:
            await provider.close()

    async def new_name(self) -> str:
        """Return a name, relative to ``zone``, at which nothing is yet."""
        return f"_acme-challenge.{secrets.token_hex(6)}"

    @abstractmethod
    async def values(self, zone: Zone, name: str) -> list[str]:
        """Return the TXT values that the server has at the name."""

    async def plant_value(self, name: str, value: str) -> None:
        """Put another's TXT value at a name of ``zone``, without the provider if that can be."""
        await self.open().add(self.zone, [txt(name, value)])

    async def has_records(self, name: str) -> bool:
        """Tell whether any record, or an empty set of some type, stands at a name of ``zone``."""
        return bool(await self.values(self.zone, name))


class HarnessWithRefusal(Harness):
    """For services that refuse a record of a batch and would take the others."""

    @abstractmethod
    async def refused_record(self) -> TxtRecord:
        """Return a record of ``zone`` that the service does not take; nothing is at its name."""


@asynccontextmanager
async def closing(harness: H) -> AsyncIterator[H]:
    """Close the harness's providers at the end of the block."""
    try:
        yield harness
    finally:
        await harness.close()


class HarnessWithTypes(Harness):
    """For servers that have more than TXT records."""

    @abstractmethod
    async def plant_address(self, name: str) -> None:
        """Put an A record 192.0.2.1 at a name of ``zone``."""

    @abstractmethod
    async def addresses(self, name: str) -> list[str]:
        """Return the A records at a name of ``zone``."""


class HarnessWithZones(Harness):
    """For servers that have a second zone whose name looks as if it held the first one's names."""

    look_alike: Zone  # such as xzone.example when zone is zone.example, or a child of it


class HarnessWithTrouble(Harness):
    """For providers whose failures can be brought about."""

    kinds: ClassVar[frozenset[type[ProviderError]]] = frozenset(
        {
            ProviderCredentialsError,
            ProviderPermissionError,
            ProviderZoneError,
            ProviderQuotaError,
        }
    )

    @abstractmethod
    def failures(self) -> Iterable[Failure]:
        """Return everything that can go wrong; each of ``kinds`` at least once."""

    @abstractmethod
    async def against_silence(self) -> None:
        """Try a change, with a deadline of at most a second, on what never answers."""


class HarnessWithSecond(Harness):
    """For providers of which a second credential, for another zone, can be had."""

    @abstractmethod
    def second(self) -> Harness:
        """Return a harness with another credential, which may change its own zone only."""


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
        name, value = f"host-{secrets.token_hex(6)}", challenge_value()
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
        value = challenge_value()
        provider = harness.open()
        await provider.add(harness.zone, [txt("", value)])
        assert value in await harness.values(harness.zone, "")
        await provider.remove(harness.zone, [txt("", value)])
        assert value not in await harness.values(harness.zone, "")


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


def check_message(error: BaseException, hidden: Iterable[str]) -> None:
    """Check that an error is one short printable line and that nothing of it shows a secret."""
    text = str(error)
    assert text
    assert text.isprintable(), repr(text)
    assert len(text) <= LONGEST_MESSAGE
    everything = "".join(traceback.format_exception(error)) + repr(error) + repr(error.args)
    for secret in hidden:
        assert secret not in everything
