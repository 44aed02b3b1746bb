"""What tenants use is counted by month, and when each registration last got a value."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

import pytest

from tests.support.clock import Clock
from tests.support.opened_service import OpenRegistrations
from zoneproof.challengedns.store import usage
from zoneproof.challengedns.store.database import Database, Hooks
from zoneproof.challengedns.store.postgres_database import PostgresDatabase
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.sqlite_database import open_sqlite_database
from zoneproof.challengedns.store.usage import MonthOfTenant
from zoneproof.core.errors import StorageError, UnconfirmedChangeError
from zoneproof.core.names import DomainName
from zoneproof.storage import Transaction

T = TypeVar("T")

FEBRUARY = 1_802_000_000.0  # 2027-02-06
DAY = 86_400


@pytest.fixture
def clock() -> Clock:
    return Clock(now=FEBRUARY)


@pytest.fixture
async def opened(opened: OpenRegistrations) -> OpenRegistrations:
    await opened.tenants.create("team", quota=10)
    return opened


async def count(opened: OpenRegistrations) -> None:
    """Do what the service does every minute."""
    await usage.write_out(opened.database, opened.rules.use, opened.rules.now())


async def used(opened: OpenRegistrations) -> list[MonthOfTenant]:
    return await opened.database.read(lambda tx: usage.of_tenant(tx, "team"))


async def test_a_month_has_its_updates_its_peak_and_what_is_left(
    opened: OpenRegistrations, clock: Clock
) -> None:
    made = [await opened.register(tenant="team") for _ in range(3)]
    for one in made[:2]:
        await opened.delete(one.subdomain)
    row = await opened.get(made[2].subdomain)
    for _ in range(5):
        opened.rules.use.note_update(row, opened.rules.now())
    await count(opened)
    assert await used(opened) == [MonthOfTenant("team", "2027-02", 1, 3, 5)]

    clock.now += 30 * DAY
    opened.rules.use.note_update(row, opened.rules.now())
    await count(opened)
    await count(opened)
    assert await used(opened) == [
        MonthOfTenant("team", "2027-03", 1, 1, 1),
        MonthOfTenant("team", "2027-02", 1, 3, 5),
    ]


async def test_what_was_used_stays_when_the_tenant_is_deleted(opened: OpenRegistrations) -> None:
    made = await opened.register(tenant="team")
    await count(opened)
    await opened.delete(made.subdomain)
    await opened.tenants.delete("team")
    await count(opened)
    found = await opened.database.read(lambda tx: usage.of_month(tx, "2027-02"))
    assert [one.peak for one in found] == [1]


async def test_the_last_update_is_that_of_each_registration(opened: OpenRegistrations) -> None:
    one, unused = [await opened.register() for _ in range(2)]
    now = opened.rules.now()
    row = await opened.get(one.subdomain)
    opened.rules.use.note_update(row, now - 60)
    opened.rules.use.note_update(row, now)
    await count(opened)
    subdomains = [one.subdomain, unused.subdomain]
    found = await opened.database.read(lambda tx: usage.last_updates(tx, subdomains))
    assert found == {one.subdomain: now}


async def test_what_was_deleted_meanwhile_is_not_counted(opened: OpenRegistrations) -> None:
    made = await opened.register()
    row = await opened.get(made.subdomain)
    opened.rules.use.note_update(row, opened.rules.now())
    await opened.delete(made.subdomain)
    await count(opened)
    assert await opened.database.read(lambda tx: usage.last_updates(tx, [made.subdomain])) == {}


class FailingDatabase:
    """A database whose writes fail: before they are done, or after, when nobody can say so."""

    def __init__(
        self, database: Database, error: StorageError, meanwhile: Callable[[], None]
    ) -> None:
        self._database = database
        self._error = error
        self._meanwhile = meanwhile

    async def note(self, work: Callable[[Transaction], T]) -> T:
        self._meanwhile()
        if isinstance(self._error, UnconfirmedChangeError):
            await self._database.note(work)
        raise self._error


@pytest.mark.parametrize("error", [StorageError("full"), UnconfirmedChangeError("stored")])
async def test_what_could_not_be_written_is_counted_the_next_time_and_nothing_twice(
    opened: OpenRegistrations, error: StorageError
) -> None:
    row = await opened.get((await opened.register(tenant="team")).subdomain)
    use, now = opened.rules.use, opened.rules.now()
    failing = FailingDatabase(opened.database, error, lambda: use.note_update(row, now))
    use.note_update(row, now)
    with pytest.raises(type(error)):
        await usage.write_out(cast("Database", failing), use, now)
    await count(opened)
    assert [one.updates for one in await used(opened)] == [2]


async def test_no_secondary_is_waited_for(place: Path | str, clock: Clock) -> None:
    async def nobody_answers(change: int) -> None:
        raise UnconfirmedChangeError(f"not yet answered everywhere: {change}")

    database: Database
    if isinstance(place, Path):
        database = open_sqlite_database(place, hooks=Hooks(confirm=nobody_answers))
    else:
        database = PostgresDatabase(place, Hooks(confirm=nobody_answers))
    opened = OpenRegistrations(database, Registrations(DomainName("auth.example.org"), 3600, clock))
    with pytest.raises(UnconfirmedChangeError):
        await opened.tenants.create("team")
    with pytest.raises(UnconfirmedChangeError):
        await opened.register(tenant="team")
    ((subdomain,),) = await database.read(
        lambda tx: tx.query("SELECT subdomain FROM challenge_registration")
    )
    opened.rules.use.note_update(await opened.get(str(subdomain)), int(FEBRUARY))
    await count(opened)
    assert [(one.registrations, one.updates) for one in await used(opened)] == [(1, 1)]
    await database.close()


async def test_registrations_are_found_by_note_and_by_the_beginning_of_the_subdomain(
    opened: OpenRegistrations,
) -> None:
    shop = await opened.register(note="Shop.example.com")
    percent = await opened.register(note="100% \\ ours")
    accented = await opened.register(note="Österreich, Ärzte")
    for text, expected in (
        ("shop.EXAMPLE", shop),
        ("% \\", percent),
        ("Österreich", accented),
        ("Ärzte", accented),
        (percent.subdomain[:13].upper(), percent),
    ):
        found = await opened.page(text=text)
        assert [one.subdomain for one in found] == [expected.subdomain], text
    assert await opened.page(text="_") == []
