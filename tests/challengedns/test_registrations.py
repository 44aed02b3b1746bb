"""OpenRegistrations in their database: credentials, values, expiry, administration."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.challenge_service import txt
from tests.support.clock import Clock
from tests.support.opened_service import OpenRegistrations, caller, open_registrations, values
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.authentication import Caller
from zoneproof.challengedns.store.reader import Reader
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.errors import InvalidInputError, RegistrationError, StorageError
from zoneproof.core.names import DomainName
from zoneproof.storage import Row, Transaction, load_migrations, open_sqlite

HERE = ipaddress.ip_address("192.0.2.1")
NOWHERE = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def clock() -> Clock:
    return Clock(now=1_000_000.0)


def open_by(clock: Clock, place: Path | str) -> OpenRegistrations:
    return open_registrations(
        place,
        zone=DomainName("auth.example.org"),
        value_lifetime=3600,
        clock=clock,
        value_clock=ValueClock(clock, clock),
    )


@pytest.fixture
async def registrations(place: Path | str, clock: Clock) -> AsyncIterator[OpenRegistrations]:
    opened = open_by(clock, place)
    yield opened
    await opened.close()


async def query(registrations: OpenRegistrations, sql: str) -> list[Row]:
    return await registrations.database.read(lambda tx: tx.query(sql))


async def test_a_value_lives_for_its_lifetime_and_posting_it_again_refreshes_it(
    registrations: OpenRegistrations, clock: Clock
) -> None:
    made = await registrations.register()
    await registrations.publish(made.subdomain, txt("a"))
    await registrations.publish(made.subdomain, txt("b"))
    clock.now += 3000
    await registrations.publish(made.subdomain, txt("a"))
    clock.now += 599
    assert await values(registrations, made) == [txt("b"), txt("a")]
    clock.now += 1
    assert await values(registrations, made) == [txt("a")]
    clock.now += 3000
    assert await values(registrations, made) == []


async def test_expired_values_make_room_before_live_ones(
    registrations: OpenRegistrations, clock: Clock
) -> None:
    made = await registrations.register()
    for letter in "abcdefgh":
        await registrations.publish(made.subdomain, txt(letter))
    clock.now += 3600
    letters = "hijklmnopqrstuvw"
    for letter in letters:
        await registrations.publish(made.subdomain, txt(letter))
    assert await values(registrations, made) == [txt(letter) for letter in letters]


async def test_the_sweep_removes_what_has_expired_and_only_that(
    registrations: OpenRegistrations, clock: Clock
) -> None:
    made = await registrations.register()
    await registrations.publish(made.subdomain, txt("a"))
    clock.now += 1800
    await registrations.publish(made.subdomain, txt("b"))
    clock.now += 1800
    await registrations.sweep()
    assert await query(registrations, "SELECT txt FROM challenge_value") == [(txt("b"),)]


async def test_the_sweep_works_through_any_number(
    registrations: OpenRegistrations,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "_SWEEP_LIMIT", 3)
    monkeypatch.setattr(rows, "_KEPT_CHANGES", 4)
    made = await registrations.register()
    for letter in "abcdefghij":
        await registrations.publish(made.subdomain, txt(letter))
    clock.now += 3600
    await registrations.sweep()
    assert await query(registrations, "SELECT count(*) FROM challenge_value") == [(0,)]
    ((pruned,),) = await query(registrations, "SELECT pruned FROM challenge_generation")
    assert await query(
        registrations, "SELECT min(generation) - 1, count(*) FROM challenge_change"
    ) == [(pruned, 4)]


async def test_at_most_sixteen_values_however_many_come_at_once(
    registrations: OpenRegistrations,
) -> None:
    made = await registrations.register()
    letters = "abcdefghijklmnopqrstuvwxyz"
    await asyncio.gather(*(registrations.publish(made.subdomain, txt(each)) for each in letters))
    assert len(await values(registrations, made)) == 16


async def test_withdrawing_takes_the_one_value_and_twice_is_fine(
    registrations: OpenRegistrations,
) -> None:
    made = await registrations.register()
    await registrations.publish(made.subdomain, txt("a"))
    await registrations.publish(made.subdomain, txt("b"))
    for _ in range(2):
        await registrations.withdraw(made.subdomain, txt("a"))
        assert await values(registrations, made) == [txt("b")]


@pytest.mark.parametrize(
    ("allowed", "address", "passes"),
    [
        ([], "198.51.100.1", True),
        (["192.0.2.0/24"], "192.0.2.255", True),
        (["192.0.2.0/24"], "192.0.3.0", False),
        (["192.0.2.7/24"], "192.0.2.1", True),
        (["2001:db8::/32"], "2001:db8:1::5", True),
        (["[2001:db8::]/32"], "2001:db8:1::5", True),
        (["2001:db8::/32"], "192.0.2.1", False),
        (["10.0.0.0/8", "0.0.0.0/0"], "198.51.100.1", True),
        (["0.0.0.0/0"], "::1", False),
    ],
)
async def test_allowfrom_is_checked_by_address(
    registrations: OpenRegistrations, allowed: list[str], address: str, passes: bool
) -> None:
    made = await registrations.register(allowfrom=allowed)
    if passes:
        await registrations.update(caller(made, address), made.subdomain, txt("a"))
    else:
        with pytest.raises(RegistrationError) as caught:
            await registrations.update(caller(made, address), made.subdomain, txt("a"))
        assert caught.value.code == "forbidden"
        assert await values(registrations, made) == []


async def test_a_rotated_key_replaces_the_old_one(registrations: OpenRegistrations) -> None:
    made = await registrations.register()
    key = await registrations.rotate(made.subdomain)
    with pytest.raises(RegistrationError):
        await registrations.authenticate(caller(made))
    found = await registrations.authenticate(caller(made, key=key))
    assert found.subdomain == made.subdomain


async def test_a_disabled_registration_is_refused_until_it_is_enabled(
    registrations: OpenRegistrations,
) -> None:
    made = await registrations.register()
    await registrations.set_disabled(made.subdomain, disabled=True)
    for change in (registrations.update, registrations.remove):
        with pytest.raises(RegistrationError, match="disabled") as caught:
            await change(caller(made), made.subdomain, txt("a"))
        assert caught.value.code == "forbidden"
    await registrations.set_disabled(made.subdomain, disabled=False)
    await registrations.update(caller(made), made.subdomain, txt("a"))


async def test_a_deleted_subdomain_is_never_used_again(
    registrations: OpenRegistrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await registrations.register()
    await registrations.publish(made.subdomain, txt("a"))
    await registrations.delete(made.subdomain)
    with pytest.raises(RegistrationError):
        await registrations.authenticate(caller(made))
    fresh = iter([made.subdomain, NOWHERE, "a user"])
    monkeypatch.setattr("uuid.uuid4", lambda: next(fresh))
    assert (await registrations.register()).subdomain == NOWHERE


async def test_a_registration_of_the_service_s_own_is_made_once_and_again_after_it_was_deleted(
    registrations: OpenRegistrations,
) -> None:
    for letter in "ab":
        for _ in range(2):
            await registrations.ensure(NOWHERE, "api.auth.example.org")
        await registrations.publish(NOWHERE, txt(letter))
        assert [value for value, _ in await registrations.values(NOWHERE)] == [txt(letter)]
        assert (await registrations.get(NOWHERE)).note == "api.auth.example.org"
        await registrations.delete(NOWHERE)


async def test_notes_are_short_and_printable(registrations: OpenRegistrations) -> None:
    made = await registrations.register(note="web\n\x1b[31m server" + "x" * 500)
    found = await registrations.get(made.subdomain)
    assert found.note.startswith("web[31m server")
    assert len(found.note) == 200
    await registrations.set_note(made.subdomain, "mail")
    assert (await registrations.get(made.subdomain)).note == "mail"


async def test_registrations_are_listed_in_pages(registrations: OpenRegistrations) -> None:
    made = sorted([(await registrations.register()).subdomain for _ in range(5)])
    first = await registrations.page(limit=3)
    rest = await registrations.page(after=first[-1].subdomain, limit=3)
    assert [each.subdomain for each in [*first, *rest]] == made


async def test_an_unknown_subdomain_is_said(registrations: OpenRegistrations) -> None:
    for work in (
        registrations.get(NOWHERE),
        registrations.values(NOWHERE),
        registrations.publish(NOWHERE, txt("a")),
        registrations.withdraw(NOWHERE, txt("a")),
        registrations.rotate(NOWHERE),
        registrations.delete(NOWHERE),
        registrations.set_note(NOWHERE, ""),
        registrations.set_allowfrom(NOWHERE, []),
    ):
        with pytest.raises(InvalidInputError, match=NOWHERE):
            await work


async def test_the_generation_is_at_least_the_time_and_always_rises(
    registrations: OpenRegistrations, clock: Clock
) -> None:
    first = await registrations.begin_generation()
    assert first >= clock.now
    clock.now -= 500
    assert await registrations.begin_generation() == first + 1


async def test_other_settings_are_for_new_registrations_and_values(
    registrations: OpenRegistrations, clock: Clock
) -> None:
    other = registrations.with_settings(zone=DomainName("b.example"), value_lifetime=60)
    made = await other.register()
    assert made.fulldomain == f"{made.subdomain}.b.example"
    await other.publish(made.subdomain, txt("a"))
    assert await registrations.values(made.subdomain) == [(txt("a"), int(clock.now) + 60)]


async def test_guessing_takes_as_long_for_users_that_do_not_exist(
    registrations: OpenRegistrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = await registrations.register()
    compared: list[int] = []

    def compare(expected: str, given: str) -> bool:
        compared.append(len(expected) + len(given))
        return False

    monkeypatch.setattr("hmac.compare_digest", compare)
    for username in (made.username, NOWHERE, "nonsense"):
        with pytest.raises(RegistrationError):
            await registrations.authenticate(Caller(username, made.password, HERE))
    assert compared == [128, 128, 128]


async def test_damaged_addresses_permit_nobody_and_keep_others_from_nothing(
    registrations: OpenRegistrations,
) -> None:
    damaged, whole = await registrations.register(), await registrations.register()
    await registrations.database.write(
        lambda tx: tx.execute(
            "UPDATE challenge_registration SET allowfrom = '[' WHERE subdomain = ?",
            [damaged.subdomain],
        )
    )
    with pytest.raises(StorageError, match=f"registration {damaged.subdomain} cannot be read"):
        await registrations.update(caller(damaged), damaged.subdomain, txt("a"))
    await registrations.update(caller(whole), whole.subdomain, txt("b"))
    assert await values(registrations, whole) == [txt("b")]


async def test_a_database_of_before_is_brought_up_to_date_with_all_that_is_in_it(
    tmp_path: Path, clock: Clock
) -> None:
    """Values, and changes that no worker has seen yet, are in tables of another form by now."""
    path = tmp_path / "challenge.db"
    subdomain, other = "84b2e601-f6c6-425c-8536-1b33d78cba8c", NOWHERE

    def fill(tx: Transaction) -> None:
        for number, name, letter in ((1, subdomain, "s"), (2, other, "o")):
            tx.execute(
                "INSERT INTO challenge_registration VALUES (?, ?, 'x', '[]', '', NULL, 0, 1)",
                [name, name],
            )
            tx.execute(
                "INSERT INTO challenge_value VALUES (?, ?, 2000000, ?)", [name, txt(letter), number]
            )
            tx.execute(
                "INSERT INTO challenge_change (generation, subdomain) VALUES (?, ?)",
                [number, name],
            )
        tx.execute("UPDATE challenge_generation SET generation = 2")

    before = open_sqlite(path, load_migrations("zoneproof.challengedns")[:6])
    await before.write(fill)
    await before.close()
    opened = open_by(clock, path)
    await opened.publish(subdomain, txt("n"))
    assert [value for value, _ in await opened.values(subdomain)] == [txt("s"), txt("n")]
    assert await opened.values(other) == [(txt("o"), 2_000_000)]
    assert await opened.generation() == 3
    reader = Reader(path)
    assert reader.changes_since(0).subdomains == [subdomain, other, subdomain]
    reader.close()
    await opened.delete(other)
    assert await query(opened, "SELECT subdomain FROM challenge_value GROUP BY 1") == [(subdomain,)]
    await opened.close()
