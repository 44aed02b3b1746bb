"""Turns at a service that keeps two values, and what happens when other programs take none."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from tests.issuance.fake_provider import MemoryProvider
from tests.support.timeless import anyio_backend
from zoneproof.core.errors import ProviderError, StorageError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import NameReport, ServerReport, ServerStatus
from zoneproof.issuance import (
    Event,
    Journal,
    PropagationWaiting,
    ProvidersFor,
    PublishedRecord,
    Warned,
)
from zoneproof.issuance.publish import Republisher, find_slots, publish_values, remove_values
from zoneproof.providers import Provider, ProviderContext, Zone
from zoneproof.storage import load_migrations, open_sqlite
from zoneproof.vault import open_vault

__all__ = ["anyio_backend"]  # a fixture: nobody really waits for a turn

ZONE = Zone(DomainName("auth.example.net"))


class TwoPlaces(MemoryProvider):
    """Keeps two values at a name, and says so."""

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


def providing(provider: Provider) -> ProvidersFor:
    async def find(_: PublishedRecord) -> list[Provider]:
        return [provider]

    return find


async def publications(
    journal: Journal, *values: tuple[str, str], certificate: str = ""
) -> list[PublishedRecord]:
    """Return the publications, each given as name and value, of a certificate's new order."""
    order = await journal.open_trial(certificate or secrets.token_hex(8))
    return [PublishedRecord(order, "memory", ZONE, name, value, 60, {}) for name, value in values]


async def publish(
    journal: Journal,
    items: Sequence[PublishedRecord],
    provider: Provider,
    told: list[Event],
    *,
    seconds: float = 600.0,
) -> None:
    places = await find_slots(items, providing(provider))
    await publish_values(
        journal, items, providing(provider), told.append, places=places, seconds=seconds
    )


async def test_an_order_waits_until_another_ones_values_have_gone(
    journal: Journal, provider: TwoPlaces
) -> None:
    first = await publications(journal, ("r", "a"))
    second = await publications(journal, ("r", "c"))
    await publish(journal, first, provider, [])
    waits = asyncio.Event()

    def tell(event: Event) -> None:
        if isinstance(event, PropagationWaiting):
            assert event.name == "r.auth.example.net"
            waits.set()

    find = providing(provider)
    places = await find_slots(second, find)
    waiting = asyncio.create_task(publish_values(journal, second, find, tell, places=places))
    await waits.wait()
    assert provider.values("r") == {"a"}
    await remove_values(journal, first, find, tell)
    await waiting
    assert provider.values("r") == {"c"}


async def test_orders_that_need_the_same_names_never_wait_for_each_other_in_a_circle(
    journal: Journal, provider: TwoPlaces
) -> None:
    names = ["r", "s"]

    async def one(number: int) -> None:
        wanted = [(name, f"{number}{which}") for name in names[:: (-1) ** number] for which in "ab"]
        items = await publications(journal, *wanted)
        await publish(journal, items, provider, [])
        for name in names:
            assert provider.values(name) == {f"{number}a", f"{number}b"}
        await remove_values(journal, items, providing(provider), print)

    await asyncio.gather(*(one(number) for number in range(4)))


async def test_an_order_that_needs_more_places_than_there_are_is_told(
    journal: Journal, provider: TwoPlaces
) -> None:
    items = await publications(journal, ("r", "a"), ("r", "b"), ("r", "c"))
    with pytest.raises(ProviderError, match=r"r\.auth\.example\.net.* keeps 2 .* needs 3 there"):
        await publish(journal, items, provider, [])
    assert not provider.records
    assert await journal.publications(items[0].order_id) == []


async def test_values_of_another_order_that_never_go_are_an_error(
    journal: Journal, provider: TwoPlaces
) -> None:
    await publish(journal, await publications(journal, ("r", "a"), ("r", "b")), provider, [])
    late = await publications(journal, ("r", "c"))
    with pytest.raises(ProviderError, match=r"another order has values at r\.auth\.example\.net"):
        await publish(journal, late, provider, [], seconds=0.0)
    assert await journal.publications(late[0].order_id) == []


async def test_what_an_order_that_ended_left_behind_holds_nobody_up(
    journal: Journal, provider: TwoPlaces
) -> None:
    ended = await publications(journal, ("r", "a"), ("r", "b"))
    await publish(journal, ended, provider, [])
    await journal.close_order(ended[0].order_id, error="the CA refused it")
    await publish(journal, await publications(journal, ("r", "c")), provider, [], seconds=0.0)


async def test_values_of_a_certificate_that_nobody_works_on_hold_nobody_up(
    journal: Journal, provider: TwoPlaces, idle: set[str]
) -> None:
    for certificate in ("killed", "waits for a person"):
        left = await publications(journal, ("r", certificate), certificate=certificate)
        idle.add(certificate)
        await publish(journal, left, provider, [], seconds=0.0)
    late = await publications(journal, ("r", "c"))
    await publish(journal, late, provider, [], seconds=0.0)


async def test_an_order_that_waits_goes_on_when_the_other_one_s_process_dies(
    journal: Journal, provider: TwoPlaces, idle: set[str]
) -> None:
    left = await publications(journal, ("r", "a"), certificate="killed")
    await publish(journal, left, provider, [])

    def tell(event: Event) -> None:
        if isinstance(event, PropagationWaiting):
            idle.add("killed")

    late, find = await publications(journal, ("r", "c")), providing(provider)
    await publish_values(journal, late, find, tell, places=await find_slots(late, find))
    assert provider.values("r") == {"a", "c"}


async def test_what_the_certificate_s_own_earlier_runs_left_behind_does_not_hold_it_up(
    journal: Journal, provider: TwoPlaces
) -> None:
    for value in "ab":
        items = await publications(journal, ("r", value), certificate="the same")
        await publish(journal, items, provider, [], seconds=0.0)


async def test_an_order_that_goes_on_does_not_wait_for_itself(
    journal: Journal, provider: TwoPlaces
) -> None:
    items = await publications(journal, ("r", "a"), ("r", "b"))
    for _ in range(2):
        await publish(journal, items, provider, [], seconds=0.0)
    assert provider.values("r") == {"a", "b"}


async def test_other_providers_have_no_limit(journal: Journal) -> None:
    provider = MemoryProvider(ProviderContext({}))
    items = await publications(journal, *(("r", str(number)) for number in range(9)))
    assert await find_slots(items, providing(provider)) == {}
    await publish(journal, items, provider, [], seconds=0.0)
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
    @pytest.fixture
    async def items(self, journal: Journal) -> list[PublishedRecord]:
        return await publications(journal, ("r", "a"), ("r", "b"), ("s", "c"))

    async def republisher(
        self, items: Sequence[PublishedRecord], provider: Provider, now: list[float]
    ) -> tuple[Republisher, list[Event]]:
        find, told = providing(provider), list[Event]()
        places = await find_slots(items, find)
        return Republisher(items, places, find, told.append, clock=lambda: now[-1]), told

    async def test_all_values_of_a_name_are_published_again_if_one_is_missing(
        self, items: list[PublishedRecord], provider: TwoPlaces
    ) -> None:
        now = [0.0]
        republish, told = await self.republisher(items, provider, now)
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

    async def test_it_gives_up_after_a_few_times(
        self, items: list[PublishedRecord], provider: TwoPlaces
    ) -> None:
        now = [0.0]
        republish, told = await self.republisher(items, provider, now)
        for _ in range(20):
            now.append(now[-1] + 60)
            await republish(lacking("r", "b"))
        assert len(told) == 5

    async def test_a_failure_is_told_and_ends_nothing(
        self, items: list[PublishedRecord], provider: TwoPlaces
    ) -> None:
        now = [0.0]
        republish, told = await self.republisher(items, provider, now)
        now.append(10.0)
        provider.broken = True
        await republish(lacking("s", "c"))
        assert "it is broken" in str(told[-1])

    async def test_a_database_that_fails_is_told_and_ends_nothing(
        self, items: list[PublishedRecord], provider: TwoPlaces
    ) -> None:
        now, told = [0.0], list[Event]()

        async def find(_: PublishedRecord) -> list[Provider]:
            raise StorageError("the database is locked")

        places = await find_slots(items, providing(provider))
        republish = Republisher(items, places, find, told.append, clock=lambda: now[-1])
        now.append(10.0)
        await republish(lacking("s", "c"))
        assert "the database is locked" in str(told[-1])

    async def test_without_a_limit_nothing_is_published_twice(
        self, items: list[PublishedRecord]
    ) -> None:
        now, provider = [0.0], MemoryProvider(ProviderContext({}))
        republish, told = await self.republisher(items, provider, now)
        now.append(10.0)
        await republish(lacking("r", "a"))
        assert not provider.records
        assert not told
