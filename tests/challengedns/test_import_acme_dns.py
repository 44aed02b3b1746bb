"""An acme-dns with SQLite is taken over: what comes, what stays as it is, and what is left out."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.challengedns.acme_dns import (
    NEWEST,
    NOW,
    VERSION_0,
    VERSION_1,
    Account,
    add,
    caller,
    client,
    many,
    registrations_of,
    run,
    take_over,
    write_sqlite,
)
from tests.support.challenge_service import ZONE, Service, everywhere, txt, update, write_config
from zoneproof.challengedns.importing.source import PAGE
from zoneproof.challengedns.importing.takeover import LeftOut
from zoneproof.core.errors import RegistrationError

WEEK = 7 * 86400
HOUR_AGO = NOW - 3600
TWO_HOURS_AGO = NOW - 7200
MONTH_AGO = NOW - 30 * 86400


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return tmp_path / "acme-dns.db"


def stored(config: Path) -> dict[str, list[tuple[object, ...]]]:
    """Return everything in the database of the service but the count of changes."""
    with closing(sqlite3.connect(config.parent / "challenge.db")) as database:
        return {
            table: sorted(database.execute(f"SELECT * FROM {table}").fetchall())
            for table in (
                "challenge_registration",
                "challenge_value",
                "challenge_deleted_subdomain",
            )
        }


def key_hash(config: Path, account: Account) -> str:
    rows = {str(row[0]): str(row[2]) for row in stored(config)["challenge_registration"]}
    return rows[account.subdomain]


# --- the whole way -----------------------------------------------------------------------------


@pytest.mark.parametrize("schema", [VERSION_0, VERSION_1, NEWEST])
async def test_clients_go_on_with_their_keys_and_their_values_are_answered(
    config: Path, source: Path, schema: Sequence[str]
) -> None:
    busy = Account(values=[(txt("a"), HOUR_AGO)])
    idle = Account()
    write_sqlite(source, [busy, idle], schema)
    outcome = await take_over(config, source)
    assert outcome.registrations == {"new": 2}
    assert outcome.values == {"new": 1}
    assert outcome.left_out == []
    assert key_hash(config, busy) == busy.password.decode()
    with Service(config) as service:
        assert everywhere(service, f"{busy.subdomain}.{ZONE}") == {(txt("a"),)}
        assert everywhere(service, f"{idle.subdomain}.{ZONE}") == {()}
        for account in (busy, idle):
            first, second = (update(service.url, client(account), txt(each)) for each in "bc")
            assert (first.status, first.json) == (200, {"txt": txt("b")})
            assert second.status == 200
        assert everywhere(service, f"{busy.subdomain}.{ZONE}") == {(txt("a"), txt("b"), txt("c"))}
        wrong = client(idle)._replace(password="x" * 40)
        assert update(service.url, wrong, txt("d")).status == 401
        assert update(service.url, client(busy), txt("a"), method="DELETE").status == 200
        assert everywhere(service, f"{busy.subdomain}.{ZONE}") == {(txt("b"), txt("c"))}
    assert len(key_hash(config, busy)) == 64


async def test_a_running_service_answers_what_is_imported_at_once(
    config: Path, source: Path
) -> None:
    account = Account(values=[(txt("a"), HOUR_AGO), (txt("b"), NOW)])
    write_sqlite(source, [account])
    name = f"{account.subdomain}.{ZONE}"
    with Service(config) as service:
        service.ask(name)
        await take_over(config, source)
        assert everywhere(service, name) == {(txt("a"), txt("b"))}
        assert update(service.url, client(account), txt("c")).status == 200
        assert everywhere(service, name) == {(txt("a"), txt("b"), txt("c"))}


async def test_allowfrom_comes_along_and_holds(config: Path, source: Path) -> None:
    account = Account(allowfrom=["192.0.2.0/24", "[2001:db8::]/32", "198.51.100.7/16"])
    write_sqlite(source, [account])
    await take_over(config, source)
    async with registrations_of(config) as registrations:
        found = await registrations.get(account.subdomain)
        assert found.allowfrom == ("192.0.2.0/24", "2001:db8::/32", "198.51.100.7/16")
        assert (found.username, found.note, found.tenant) == (account.username, "", None)
        with pytest.raises(RegistrationError) as refused:
            await registrations.authenticate(caller(account, address="203.0.113.1"))
        assert refused.value.code == "forbidden"
        for address in ("192.0.2.200", "2001:db8::5", "198.51.0.1"):
            await registrations.authenticate(caller(account, address=address))


async def test_many_accounts_come_page_by_page(config: Path, source: Path) -> None:
    count = 2 * PAGE + 10
    write_sqlite(source, many(count), NEWEST)
    outcome = await take_over(config, source)
    assert outcome.registrations == {"new": count}
    assert outcome.progress == [(PAGE, count), (2 * PAGE, count), (count, count)]


# --- values ------------------------------------------------------------------------------------


async def test_a_value_lives_as_long_as_if_it_had_been_published_here(
    config: Path, source: Path
) -> None:
    account = Account(values=[(txt("b"), HOUR_AGO), (txt("a"), TWO_HOURS_AGO)])
    write_sqlite(source, [account])
    await take_over(config, source)
    async with registrations_of(config) as registrations:
        assert await registrations.values(account.subdomain) == [
            (txt("a"), TWO_HOURS_AGO + WEEK),
            (txt("b"), HOUR_AGO + WEEK),
        ]


async def test_values_that_would_have_expired_are_left_there(config: Path, source: Path) -> None:
    account = Account(values=[(txt("a"), MONTH_AGO), (txt("b"), NOW)])
    write_sqlite(source, [account])
    outcome = await take_over(config, source)
    assert outcome.values == {"new": 1, "expired": 1}
    assert outcome.left_out == []


async def test_a_value_in_both_slots_is_one(config: Path, source: Path) -> None:
    account = Account(values=[(txt("a"), HOUR_AGO), (txt("a"), TWO_HOURS_AGO)])
    write_sqlite(source, [account])
    await take_over(config, source)
    async with registrations_of(config) as registrations:
        assert await registrations.values(account.subdomain) == [(txt("a"), HOUR_AGO + WEEK)]


@pytest.mark.parametrize(
    "updated",
    [None, 0, -5, "soon", NOW + 10**9],
    ids=["none", "zero", "negative", "text", "far in the future"],
)
async def test_a_value_without_a_sensible_time_is_of_now(
    config: Path, source: Path, updated: object
) -> None:
    account = Account(values=[(txt("a"), HOUR_AGO)])
    write_sqlite(source, [account])
    run(source, "UPDATE txt SET LastUpdate = ? WHERE Value <> ''", updated)
    await take_over(config, source)
    async with registrations_of(config) as registrations:
        ((_, expires_at),) = await registrations.values(account.subdomain)
    assert NOW + WEEK <= expires_at <= NOW + WEEK + 600


async def test_of_more_slots_than_a_registration_has_the_newest_come(
    config: Path, source: Path
) -> None:
    letters = "abcdefghijklmnopqr"
    values = [(txt(letter), HOUR_AGO + index) for index, letter in enumerate(letters)]
    account = Account(values=values)
    write_sqlite(source, [account], NEWEST, slots=20)
    outcome = await take_over(config, source)
    assert outcome.values == {"new": 16, "unused": 2}
    async with registrations_of(config) as registrations:
        live = await registrations.values(account.subdomain)
    assert [value for value, _ in live] == [txt(letter) for letter in letters[2:]]


async def test_what_is_no_value_of_dns01_is_told(config: Path, source: Path) -> None:
    account = Account(values=[("a" * 42, NOW), (txt("b"), NOW)])
    write_sqlite(source, [account])
    outcome = await take_over(config, source)
    assert outcome.registrations == {"new": 1}
    assert outcome.values == {"new": 1, "malformed": 1}
    (left_out,) = outcome.left_out
    assert left_out.subdomain == account.subdomain
    assert "43 characters" in left_out.reason
    assert left_out.value


async def test_values_of_no_account_are_counted(config: Path, source: Path) -> None:
    write_sqlite(source)
    run(source, "INSERT INTO txt VALUES (?, ?, ?)", Account().subdomain, txt("a"), NOW)
    assert (await take_over(config, source)).values == {"unused": 1}


async def test_of_a_file_brought_from_version_0_to_1_the_old_column_is_not_read(
    config: Path, source: Path
) -> None:
    account = Account(values=[(txt("o"), NOW)])
    write_sqlite(source, [account], VERSION_0)
    for statement in (VERSION_1[0], *VERSION_1[2:]):
        run(source, statement)
    run(source, "INSERT INTO txt VALUES (?, ?, ?)", account.subdomain, txt("n"), NOW)
    await take_over(config, source)
    async with registrations_of(config) as registrations:
        assert [value for value, _ in await registrations.values(account.subdomain)] == [txt("n")]


# --- again -------------------------------------------------------------------------------------


async def test_importing_twice_changes_nothing(config: Path, source: Path) -> None:
    accounts = [Account(values=[(txt("a"), HOUR_AGO)], allowfrom=["192.0.2.0/24"]) for _ in "123"]
    write_sqlite(source, accounts)
    await take_over(config, source)
    before = stored(config)
    outcome = await take_over(config, source)
    assert outcome.registrations == {"there": 3}
    assert outcome.values == {"there": 3}
    assert outcome.left_out == []
    assert stored(config) == before


async def test_a_second_import_adds_what_came_to_acme_dns_since(config: Path, source: Path) -> None:
    account = Account(values=[(txt("a"), TWO_HOURS_AGO)])
    write_sqlite(source, [account])
    await take_over(config, source)
    later = Account(values=[(txt("l"), NOW)])
    add(source, [later])
    run(source, "UPDATE txt SET LastUpdate = ? WHERE Value = ?", HOUR_AGO, txt("a"))
    run(
        source,
        "UPDATE txt SET Value = ?, LastUpdate = ? WHERE Value = '' AND Subdomain = ?",
        txt("b"),
        NOW,
        account.subdomain,
    )
    outcome = await take_over(config, source)
    assert outcome.registrations == {"new": 1, "there": 1}
    assert outcome.values == {"new": 3}
    async with registrations_of(config) as registrations:
        assert await registrations.values(account.subdomain) == [
            (txt("a"), HOUR_AGO + WEEK),
            (txt("b"), NOW + WEEK),
        ]


async def test_what_changed_here_since_is_not_overwritten(config: Path, source: Path) -> None:
    used, rotated = (Account(values=[(txt("a"), HOUR_AGO)]) for _ in "12")
    administered = Account(allowfrom=["192.0.2.0/24"])
    write_sqlite(source, [used, rotated, administered])
    await take_over(config, source)
    async with registrations_of(config) as registrations:
        await registrations.update(caller(used), used.subdomain, txt("b"))
        await registrations.remove(caller(used), used.subdomain, txt("a"))
        await registrations.rotate(rotated.subdomain)
        await registrations.withdraw(rotated.subdomain, txt("a"))
        await registrations.set_allowfrom(administered.subdomain, ["198.51.100.0/24"])
        await registrations.set_note(administered.subdomain, "the web server")
        await registrations.set_disabled(administered.subdomain, disabled=True)
    before = stored(config)
    outcome = await take_over(config, source)
    assert outcome.registrations == {"there": 3}
    assert outcome.values == {"unused": 2}
    assert stored(config) == before


async def test_an_import_that_broke_off_goes_on(config: Path, source: Path) -> None:
    count = 2 * PAGE + 10
    write_sqlite(source, many(count))

    def break_off(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await take_over(config, source, on_progress=break_off)
    outcome = await take_over(config, source)
    assert outcome.registrations == {"there": PAGE, "new": count - PAGE}


async def test_what_was_deleted_here_does_not_come_back(config: Path, source: Path) -> None:
    account = Account(values=[(txt("a"), NOW)])
    write_sqlite(source, [account])
    await take_over(config, source)
    async with registrations_of(config) as registrations:
        await registrations.delete(account.subdomain)
    before = stored(config)
    outcome = await take_over(config, source)
    assert outcome.registrations == {"deleted": 1}
    assert outcome.summary.lost == 0
    assert outcome.values == {"unused": 1}
    assert outcome.left_out == [LeftOut(account.subdomain, "it was deleted here")]
    assert stored(config) == before


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("Username", "it has another username here"),
        ("Password", "it has another key here"),
        ("Subdomain", "its username is that of {subdomain} here"),
    ],
)
async def test_what_is_here_as_something_else_is_a_conflict_and_left_alone(
    config: Path, source: Path, column: str, reason: str
) -> None:
    account, other = Account(values=[(txt("a"), NOW)]), Account()
    write_sqlite(source, [account])
    await take_over(config, source)
    before = stored(config)
    cell = {"Username": 0, "Password": 1, "Subdomain": 2}[column]
    run(source, f"UPDATE records SET {column} = ?", other.record[cell])
    run(source, "UPDATE txt SET Value = ?, LastUpdate = ?", txt("x"), NOW)
    outcome = await take_over(config, source)
    subdomain = other.subdomain if column == "Subdomain" else account.subdomain
    assert outcome.registrations == {"conflict": 1}
    assert outcome.values == {"unused": 2}
    assert outcome.left_out == [
        LeftOut(subdomain, reason.format(subdomain=account.subdomain), conflict=True)
    ]
    assert stored(config) == before


# --- rows that cannot be used ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("Subdomain", "www", "subdomain is not a UUID"),
        ("Subdomain", "C0FFEE00-0000-4000-8000-000000000000", "subdomain is not a UUID"),
        ("Subdomain", "\x1b[2Jé" + "x" * 10_000, "subdomain is not a UUID"),
        ("Subdomain", b"\xff\x00", "subdomain is not a UUID"),
        ("Subdomain", 7, "subdomain is not a UUID"),
        ("Username", "admin", "username is not a UUID"),
        ("Username", b"\xff", "username is not a UUID"),
        ("Password", "", "not a bcrypt hash"),
        ("Password", "secret", "not a bcrypt hash"),
        ("Password", "$2a$31$" + "a" * 53, "not a bcrypt hash"),
        ("Password", "$2a$10$" + "a" * 52 + "\n", "not a bcrypt hash"),
        ("AllowFrom", None, "not a JSON list"),
        ("AllowFrom", "", "not a JSON list"),
        ("AllowFrom", "192.0.2.0/24", "not a JSON list"),
        ("AllowFrom", '["192.0.2.0/24"', "not a JSON list"),
        ("AllowFrom", '{"192.0.2.0/24": 1}', "not a JSON list"),
        ("AllowFrom", "[7]", "not a JSON list"),
        ("AllowFrom", "[" * 10_000, "not a JSON list"),
        ("AllowFrom", f"[{'1' * 20_000}]", "not a JSON list"),
        ("AllowFrom", b"\xff", "not a JSON list"),
        ("AllowFrom", '["192.0.2.1", "any"]', "none of its AllowFrom is a network"),
    ],
)
async def test_a_row_that_cannot_be_used_is_skipped_with_its_reason(
    config: Path, source: Path, column: str, cell: object, reason: str
) -> None:
    good, bad = Account(), Account()
    write_sqlite(source, [good, bad])
    run(source, f"UPDATE records SET {column} = ? WHERE Username = ?", cell, bad.username)
    outcome = await take_over(config, source)
    assert outcome.registrations == {"new": 1, "skipped": 1}
    (left_out,) = outcome.left_out
    assert reason in left_out.reason
    assert not left_out.conflict
    assert left_out.subdomain.isprintable()
    assert len(left_out.subdomain) < 200


@pytest.mark.parametrize(
    ("cell", "networks"),
    [
        ("null", ()),
        (b"[]", ()),
        ('["192.0.2.0/24", "nonsense", "300.0.0.0/8"]', ("192.0.2.0/24",)),
    ],
)
async def test_an_allowfrom_means_what_it_means_to_acme_dns(
    config: Path, source: Path, cell: object, networks: tuple[str, ...]
) -> None:
    account = Account()
    write_sqlite(source, [account])
    run(source, "UPDATE records SET AllowFrom = ?", cell)
    await take_over(config, source)
    async with registrations_of(config) as registrations:
        assert (await registrations.get(account.subdomain)).allowfrom == networks


async def test_a_hash_that_was_stored_as_text_is_one_too(config: Path, source: Path) -> None:
    account = Account()
    write_sqlite(source, [account])
    run(source, "UPDATE records SET Password = ?", account.password.decode())
    await take_over(config, source)
    async with registrations_of(config) as registrations:
        await registrations.authenticate(caller(account))
