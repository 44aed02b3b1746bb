"""Turns at a service that keeps two values, and what happens when other programs take none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.issuance.fake_provider import MemoryProvider
from tests.issuance.publishing import providing, publish, records
from tests.support.timeless import anyio_backend
from zoneproof.challenges.dns01 import ChallengeRecord
from zoneproof.challenges.slots import Republisher, find_slots
from zoneproof.core.errors import ProviderError, StorageError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import NameReport, ServerReport, ServerStatus
from zoneproof.issuance import (
    Event,
    Journal,
    PropagationWaiting,
    Warned,
)
from zoneproof.issuance.publish import remove_values
from zoneproof.providers import ProviderContext, TxtRecord, Zone
from zoneproof.storage import load_migrations, open_sqlite
from zoneproof.vault import open_vault

__all__ = ["anyio_backend"]  # a fixture: nobody really waits for a turn

ZONE = Zone(DomainName("auth.example.net"))


class TwoPlaces(MemoryProvider):
    """Keeps two values at a name, and says so; ``error`` is what its own database raises."""

    error: StorageError | None = None

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        if self.error:
            raise self.error
        await super().add(zone, records)

    async def max_values(self, zone: Zone, name: str) -> int | None:
        return 2

    def values(self, name: str) -> set[str]:
        return {value for where, value in self.records if where == ZONE.record(name).text}


@pytest.fixture
def idle() -> set[str]:
    """The certificates that nobody works on."""
    return set()


@pytest.fixture
async def journal(tmp_path: Path, idle: set[str]) -> AsyncIterator[Journal]:
    store = open_sqlite(tmp_path / "state.sqlite3", load_migrations("zoneproof.issuance"))
    yield Journal(store, open_vault(tmp_path), at_work=lambda name: name not in idle)
    await store.close()


@pytest.fixture
def provider() -> TwoPlaces:
    return TwoPlaces(ProviderContext({}))


@dataclass
class Order:
    """A certificate's new order and its records, each given as name and value."""

    journal: Journal
    id: str
    items: list[ChallengeRecord]
    provider: MemoryProvider

    @classmethod
    async def make(
        cls,
        journal: Journal,
        provider: MemoryProvider,
        *values: tuple[str, str],
        certificate: str = "",
    ) -> Order:
        order = await journal.open_trial(certificate or secrets.token_hex(8))
        return cls(journal, order, records(provider, *values, zone=ZONE), provider)

    async def publish(
        self, emit: Callable[[Event], None] = print, *, seconds: float = 600.0
    ) -> None:
        await publish(self.journal, self.id, self.items, emit, seconds=seconds)

    async def remove(self) -> None:
        published = await self.journal.publications(self.id)
        await remove_values(self.journal, published, providing(self.provider), print)


async def test_an_order_waits_until_another_ones_values_have_gone(
    journal: Journal, provider: TwoPlaces
) -> None:
    first = await Order.make(journal, provider, ("r", "a"))
    second = await Order.make(journal, provider, ("r", "c"))
    await first.publish()
    waits = asyncio.Event()

    def tell(event: Event) -> None:
        if isinstance(event, PropagationWaiting):
            assert event.name == "r.auth.example.net"
            waits.set()

    waiting = asyncio.create_task(second.publish(tell))
    await waits.wait()
    assert provider.values("r") == {"a"}
    await first.remove()
    await waiting
    assert provider.values("r") == {"c"}


async def test_orders_that_need_the_same_names_never_wait_for_each_other_in_a_circle(
    journal: Journal, provider: TwoPlaces
) -> None:
    names = ["r", "s"]

    async def one(number: int) -> None:
        wanted = [(name, f"{number}{which}") for name in names[:: (-1) ** number] for which in "ab"]
        order = await Order.make(journal, provider, *wanted)
        await order.publish()
        for name in names:
            assert provider.values(name) == {f"{number}a", f"{number}b"}
        await order.remove()

    await asyncio.gather(*(one(number) for number in range(4)))


async def test_an_order_that_needs_more_places_than_there_are_is_told(
    journal: Journal, provider: TwoPlaces
) -> None:
    order = await Order.make(journal, provider, ("r", "a"), ("r", "b"), ("r", "c"))
    with pytest.raises(ProviderError, match=r"r\.auth\.example\.net.* keeps 2 .* needs 3 there"):
        await order.publish()
    assert not provider.records
    assert await journal.publications(order.id) == []


async def test_values_of_another_order_that_never_go_are_an_error(
    journal: Journal, provider: TwoPlaces
) -> None:
    await (await Order.make(journal, provider, ("r", "a"), ("r", "b"))).publish()
    late = await Order.make(journal, provider, ("r", "c"))
    with pytest.raises(ProviderError, match=r"another order has values at r\.auth\.example\.net"):
        await late.publish(seconds=0.0)
    assert await journal.publications(late.id) == []


async def test_what_an_order_that_ended_left_behind_holds_nobody_up(
    journal: Journal, provider: TwoPlaces
) -> None:
    ended = await Order.make(journal, provider, ("r", "a"), ("r", "b"))
    await ended.publish()
    await journal.close_order(ended.id, error="the CA refused it")
    await (await Order.make(journal, provider, ("r", "c"))).publish(seconds=0.0)


async def test_values_of_a_certificate_that_nobody_works_on_hold_nobody_up(
    journal: Journal, provider: TwoPlaces, idle: set[str]
) -> None:
    for certificate in ("killed", "waits for a person"):
        left = await Order.make(journal, provider, ("r", certificate), certificate=certificate)
        idle.add(certificate)
        await left.publish(seconds=0.0)
    await (await Order.make(journal, provider, ("r", "c"))).publish(seconds=0.0)


async def test_an_order_that_waits_goes_on_when_the_other_one_s_process_dies(
    journal: Journal, provider: TwoPlaces, idle: set[str]
) -> None:
    await (await Order.make(journal, provider, ("r", "a"), certificate="killed")).publish()

    def tell(event: Event) -> None:
        if isinstance(event, PropagationWaiting):
            idle.add("killed")

    await (await Order.make(journal, provider, ("r", "c"))).publish(tell)
    assert provider.values("r") == {"a", "c"}


async def test_what_the_certificate_s_own_earlier_runs_left_behind_does_not_hold_it_up(
    journal: Journal, provider: TwoPlaces
) -> None:
    for value in "ab":
        order = await Order.make(journal, provider, ("r", value), certificate="the same")
        await order.publish(seconds=0.0)


async def test_an_order_that_goes_on_does_not_wait_for_itself(
    journal: Journal, provider: TwoPlaces
) -> None:
    order = await Order.make(journal, provider, ("r", "a"), ("r", "b"))
    for _ in range(2):
        await order.publish(seconds=0.0)
    assert provider.values("r") == {"a", "b"}


async def test_other_providers_have_no_limit(journal: Journal) -> None:
    provider = MemoryProvider(ProviderContext({}))
    order = await Order.make(journal, provider, *(("r", str(number)) for number in range(9)))
    assert await find_slots(order.items) == {}
    await order.publish(seconds=0.0)
    assert len(provider.records) == 9


def lacking(name: str, *values: str) -> NameReport:
    """Return what is seen where one server lacks the values."""
    server = ServerReport(
        DomainName("ns1.auth.example.net"),
        "192.0.2.53",
        ServerStatus.MISSING if values else ServerStatus.VISIBLE,
        frozenset(values),
    )
    return NameReport(ZONE.record(name), ZONE.name, (server,))


class TestRepublisher:
    async def republisher(
        self, provider: MemoryProvider, now: list[float]
    ) -> tuple[Republisher, list[Event]]:
        items = records(provider, ("r", "a"), ("r", "b"), ("s", "c"), zone=ZONE)
        told = list[Event]()
        slots = await find_slots(items)
        return Republisher(items, slots, told.append, clock=lambda: now[-1]), told

    async def test_all_values_of_a_name_are_published_again_if_one_is_missing(
        self, provider: TwoPlaces
    ) -> None:
        now = [0.0]
        republish, told = await self.republisher(provider, now)
        await republish(lacking("r", "a"))
        assert not provider.records, "in the same second it might overwrite the other one"
        now.append(10.0)
        await republish(lacking("r"))
        assert not provider.records, "nothing is missing"
        await republish(lacking("r", "a"))
        assert provider.values("r") == {"a", "b"}
        assert provider.values("s") == set()
        assert [type(event) for event in told] == [Warned]
        assert "has overwritten a;" in str(told[0])

    async def test_it_gives_up_after_a_few_times(self, provider: TwoPlaces) -> None:
        now = [0.0]
        republish, told = await self.republisher(provider, now)
        for _ in range(20):
            now.append(now[-1] + 60)
            await republish(lacking("r", "b"))
        assert len(told) == 5

    async def test_a_failure_is_told_and_ends_nothing(self, provider: TwoPlaces) -> None:
        now = [0.0]
        republish, told = await self.republisher(provider, now)
        now.append(10.0)
        provider.broken = True
        await republish(lacking("s", "c"))
        assert "it is broken" in str(told[-1])

    async def test_a_database_that_fails_is_told_and_ends_nothing(
        self, provider: TwoPlaces
    ) -> None:
        now = [0.0]
        republish, told = await self.republisher(provider, now)
        provider.error = StorageError("the database is locked")
        now.append(10.0)
        await republish(lacking("s", "c"))
        assert "the database is locked" in str(told[-1])

    async def test_without_a_limit_nothing_is_published_twice(self) -> None:
        now, provider = [0.0], MemoryProvider(ProviderContext({}))
        republish, told = await self.republisher(provider, now)
        now.append(10.0)
        await republish(lacking("r", "a"))
        assert not provider.records
        assert not told
