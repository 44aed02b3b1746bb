"""What cannot be removed: what never leaves anything, pauses that grow, and an end."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.issuance.fake_provider import MemoryProvider
from tests.issuance.publishing import (
    SECRET,
    open_order,
    providing,
    publish,
    publish_values,
    published,
    records,
)
from zoneproof.challenges.solver import Alone
from zoneproof.challenges.webroot import Leftover
from zoneproof.core.errors import (
    HeldUpError,
    InvalidInputError,
    ProviderError,
    ProviderPermissionError,
    ProviderUnavailableError,
    ZoneproofError,
)
from zoneproof.core.names import DomainName
from zoneproof.issuance import (
    Event,
    HttpFile,
    Journal,
    PublishedRecord,
    RecordPublished,
    RecordRemoved,
    Warned,
    remove_leftovers,
)
from zoneproof.issuance.journaled import LONGEST_TRYING, FailedRemoval
from zoneproof.providers import Provider, ProviderContext, TxtRecord, Zone
from zoneproof.providers.batches import one_by_one
from zoneproof.storage import load_migrations, open_sqlite
from zoneproof.vault import open_vault

LABEL = "_acme-challenge"
NOW = datetime(2026, 11, 28, 3, 0, tzinfo=UTC)
moments = st.integers(0, 10**10).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


@dataclass
class Clock:
    """The time that the journal is told."""

    now: datetime = NOW

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Cleaning:
    """A journal with one value that a run left, whose provider does not remove it."""

    journal: Journal
    clock: Clock
    provider: MemoryProvider = field(default_factory=lambda: MemoryProvider(ProviderContext({})))

    async def leave(self) -> None:
        order = await open_order(self.journal)
        await publish_values(self.journal, order.id, self.provider, "one")
        self.provider.broken = True

    async def clean(self, *, insist: bool = False) -> list[Event]:
        events: list[Event] = []
        find = providing(self.provider)
        await remove_leftovers(self.journal, "example.com", find, events.append, insist=insist)
        return events

    @property
    async def failed(self) -> FailedRemoval | None:
        (order_id,) = await self.journal.orders_to_clean("example.com")
        (found,) = await self.journal.publications(order_id)
        return found.failed


@pytest.fixture
async def cleaning(tmp_path: Path) -> AsyncIterator[Cleaning]:
    store, clock = (
        open_sqlite(tmp_path / "s.sqlite3", load_migrations("zoneproof.issuance")),
        Clock(),
    )
    yield Cleaning(Journal(store, open_vault(tmp_path), lambda _: True, clock=clock), clock)
    await store.close()


class Refusing(MemoryProvider):
    """One whose ``add`` fails so."""

    def __init__(self, error: ZoneproofError) -> None:
        super().__init__(ProviderContext({}))
        self.error = error

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (ProviderPermissionError("it refuses"), 0),
        (ProviderError("it cannot be run", changed_nothing=True), 0),
        (InvalidInputError("such a value cannot be"), 0),
        (ProviderError("it failed"), 1),
        (ProviderUnavailableError("no answer"), 1),
        (ProviderPermissionError("it refuses now", changed_nothing=False), 1),
    ],
)
async def test_what_was_surely_never_written_leaves_nothing_in_the_journal(
    cleaning: Cleaning, error: ZoneproofError, left: int
) -> None:
    order = await open_order(cleaning.journal)
    with pytest.raises(type(error)):
        await publish_values(cleaning.journal, order.id, Refusing(error), "one", "two")
    assert len(await cleaning.journal.publications(order.id)) == 2 * left


class OneByOne(MemoryProvider):
    """One that takes records one by one, and fails for the values in ``errors``."""

    def __init__(self, **errors: ZoneproofError) -> None:
        super().__init__(ProviderContext({}))
        self.errors = errors

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        async def add(zone: Zone, record: TxtRecord) -> None:
            self.fail_for(record)
            await MemoryProvider.add(self, zone, [record])

        await one_by_one(add, zone, records)

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        async def remove(zone: Zone, record: TxtRecord) -> None:
            self.fail_for(record)
            await MemoryProvider.remove(self, zone, [record])

        await one_by_one(remove, zone, records)

    def fail_for(self, record: TxtRecord) -> None:
        if record.value in self.errors:
            raise self.errors[record.value]


async def test_of_a_batch_that_failed_only_what_was_surely_never_written_is_forgotten(
    cleaning: Cleaning,
) -> None:
    provider = OneByOne(
        two=ProviderPermissionError("it refuses"), three=ProviderUnavailableError("no answer")
    )
    order, events = await open_order(cleaning.journal), list[Event]()
    items = records(provider, *((LABEL, value) for value in ("one", "two", "three", "four")))
    with pytest.raises(ProviderPermissionError):
        await publish(cleaning.journal, order.id, items, events.append)
    left = await cleaning.journal.publications(order.id)
    assert {item.value for item in left} == {"one", "three", "four"}
    told = [event.value for event in events if isinstance(event, RecordPublished)]
    assert sorted(told) == ["four", "one"]


async def test_of_a_batch_that_cannot_be_removed_only_what_failed_stays(
    cleaning: Cleaning,
) -> None:
    cleaning.provider = provider = OneByOne()
    order = await open_order(cleaning.journal)
    await publish_values(cleaning.journal, order.id, provider, "one", "two", "three")
    provider.errors = {"two": ProviderPermissionError("it refuses")}
    events = await cleaning.clean()
    (warning,) = [event for event in events if isinstance(event, Warned)]
    assert "two at _acme-challenge.example.com may still exist: it refuses" in warning.message
    assert len(events) == 3
    assert provider.records == {("_acme-challenge.example.com", "two")}
    failed = await cleaning.failed
    assert failed
    assert failed.error == "it refuses"


async def test_what_one_provider_cannot_remove_another_one_may(cleaning: Cleaning) -> None:
    order = await open_order(cleaning.journal)
    items = [published(order.id, value) for value in ("one", "two")]
    refuses = ProviderPermissionError("it refuses")
    pair: list[Provider] = [OneByOne(one=refuses), OneByOne(two=refuses)]

    async def find(_: PublishedRecord) -> list[Provider]:
        return pair

    await cleaning.journal.will_publish(items)
    events = list[Event]()
    await remove_leftovers(cleaning.journal, "example.com", find, events.append)
    assert [type(event) for event in events] == [RecordRemoved, RecordRemoved]
    assert await cleaning.journal.certificates_to_clean() == []


class KnowingBetter(Alone):
    """Others that have found out that the provider is down."""

    async def admit(self, provider: Provider) -> None:
        raise HeldUpError("it is down")


async def test_what_no_provider_was_asked_for_leaves_nothing(cleaning: Cleaning) -> None:
    order = await open_order(cleaning.journal)
    with pytest.raises(HeldUpError):
        await publish_values(
            cleaning.journal, order.id, cleaning.provider, "one", others=KnowingBetter()
        )
    assert await cleaning.journal.certificates_to_clean() == []


async def test_a_refusal_of_a_later_run_does_not_forget_what_an_earlier_one_wrote(
    cleaning: Cleaning,
) -> None:
    """The same order is resumed; its first run may have written the value before it was killed."""
    order = await open_order(cleaning.journal)
    await cleaning.journal.will_publish([published(order.id, "one")])
    refusing = Refusing(ProviderPermissionError("it refuses"))
    with pytest.raises(ProviderPermissionError):
        await publish_values(cleaning.journal, order.id, refusing, "one")
    assert len(await cleaning.journal.publications(order.id)) == 1


async def test_what_cannot_be_removed_is_told_once_and_tried_after_growing_pauses(
    cleaning: Cleaning,
) -> None:
    await cleaning.leave()
    (warning,) = await cleaning.clean()
    assert isinstance(warning, Warned)
    assert "one at _acme-challenge.example.com may still exist" in warning.message
    assert "it is broken" in warning.message
    assert "zoneproof leftover list" in warning.message
    assert SECRET not in warning.message
    tried = []
    for minute in range(0, 4 * 24 * 60, 10):
        cleaning.clock.now = NOW + timedelta(minutes=minute)
        failed = await cleaning.failed
        assert failed
        if failed.is_due(cleaning.clock.now):
            assert await cleaning.clean() == []
            tried.append(minute)
    assert tried == [10, 30, 70, 150, 310, 630, 1270, 2550, 3990, 5430]
    cleaning.provider.broken = False
    cleaning.clock.now += timedelta(days=1)
    (removed,) = await cleaning.clean()
    assert isinstance(removed, RecordRemoved)
    assert cleaning.provider.records == set()


async def test_it_is_not_even_tried_in_a_pause_unless_a_person_insists(cleaning: Cleaning) -> None:
    await cleaning.leave()
    await cleaning.clean()
    assert len(await cleaning.clean(insist=True)) == 1  # told again: somebody asked
    cleaning.provider.broken = False
    assert await cleaning.clean() == []
    assert cleaning.provider.records
    (removed,) = await cleaning.clean(insist=True)
    assert isinstance(removed, RecordRemoved)
    assert await cleaning.journal.certificates_to_clean() == []


async def test_after_thirty_days_it_is_given_up_and_that_is_told(cleaning: Cleaning) -> None:
    await cleaning.leave()
    told = []
    for day in range(35):
        cleaning.clock.now = NOW + timedelta(days=day)
        told += [(day, event) for event in await cleaning.clean()]
    (first, _), (last, warning) = told
    assert (first, last) == (0, LONGEST_TRYING.days)
    assert isinstance(warning, Warned)
    assert "gave up removing the TXT value one at _acme-challenge.example.com" in warning.message
    assert "may still exist" in warning.message
    assert await cleaning.journal.certificates_to_clean() == []


async def test_what_is_published_again_is_removed_again_without_a_pause(cleaning: Cleaning) -> None:
    order = await open_order(cleaning.journal)
    await publish_values(cleaning.journal, order.id, cleaning.provider, "one")
    cleaning.provider.broken = True
    await cleaning.clean()
    cleaning.provider.broken = False
    await publish_values(cleaning.journal, order.id, cleaning.provider, "one")
    (removed,) = await cleaning.clean()
    assert isinstance(removed, RecordRemoved)


async def test_a_file_that_cannot_be_removed_is_told_once_and_tried_again(
    cleaning: Cleaning, tmp_path: Path
) -> None:
    order = await open_order(cleaning.journal)
    in_the_way = tmp_path / ".well-known/acme-challenge/one"
    in_the_way.mkdir(parents=True)
    await cleaning.journal.will_write([HttpFile(order.id, Leftover(tmp_path, "one", 0))])
    (warning,) = await cleaning.clean()
    assert isinstance(warning, Warned)
    assert f"cannot remove {in_the_way}" in warning.message
    in_the_way.rmdir()
    assert await cleaning.clean() == []
    assert len(await cleaning.journal.files(order.id)) == 1
    cleaning.clock.now += timedelta(minutes=10)
    await cleaning.clean()
    assert await cleaning.journal.files(order.id) == []


@given(moments, st.integers(1, 2000))
def test_pauses_grow_to_a_day_whatever_the_number_of_tries(now: datetime, tries: int) -> None:
    failed = None
    pauses = []
    for _ in range(min(tries, 40)):
        failed = FailedRemoval.after(failed, "no", now)
        pauses.append(failed.next_try_at - now)
    assert pauses[0] == timedelta(minutes=10)
    assert pauses == sorted(pauses)
    assert max(pauses) <= timedelta(days=1)
    late = FailedRemoval(now, tries, now, "no")
    assert FailedRemoval.after(late, "no", now).next_try_at - now <= timedelta(days=1)


@given(moments, st.timedeltas(min_value=timedelta(days=2), max_value=timedelta(days=3000)))
def test_a_clock_that_was_ahead_stops_no_try(now: datetime, ahead: timedelta) -> None:
    failed = FailedRemoval.after(None, "no", now + ahead)
    assert failed.is_due(now)
    assert not failed.is_over(now)


def test_the_record_is_named_in_full() -> None:
    item = PublishedRecord("1", "memory", Zone(DomainName("example.com")), "a", "v", 60, None)
    assert item.what == "the TXT value v at a.example.com"
