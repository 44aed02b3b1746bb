"""The worker's table: filled when asked, dropped on change, never wrong, bounded."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from tests.support.challenge_service import make_responder, open_for, texts, txt, write_config
from tests.support.opened_service import OpenRegistrations
from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.dns import table
from zoneproof.challengedns.dns.answers import Responder
from zoneproof.challengedns.store import reader, rows
from zoneproof.challengedns.store.announcements import Announcements
from zoneproof.challengedns.store.registrations import NewRegistration


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_config(tmp_path))


@pytest.fixture
async def registrations(config: Config) -> AsyncIterator[OpenRegistrations]:
    opened = open_for(config)
    yield opened
    await opened.close()


def ask(responder: Responder, name: str) -> dns.message.Message:
    reply = responder.respond(dns.message.make_query(name, "TXT").to_wire(), tcp=True)
    assert reply is not None
    return dns.message.from_wire(reply)


async def registration_with(registrations: OpenRegistrations, *letters: str) -> NewRegistration:
    made: NewRegistration = await registrations.register()
    for letter in letters:
        await registrations.publish(made.subdomain, txt(letter))
    return made


async def test_an_answer_is_kept_until_its_registration_changes(
    config: Config, registrations: OpenRegistrations
) -> None:
    responder = make_responder(config)
    first = await registration_with(registrations, "a")
    second = await registration_with(registrations, "b")
    for made in (first, second):
        ask(responder, made.fulldomain)
    assert len(responder._entries) == 2
    await registrations.publish(first.subdomain, txt("c"))
    assert texts(ask(responder, second.fulldomain)) == [txt("b")]
    assert len(responder._entries) == 1
    assert texts(ask(responder, first.fulldomain)) == [txt("a"), txt("c")]


async def test_a_worker_that_slept_through_pruned_changes_starts_afresh(
    config: Config, registrations: OpenRegistrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "_KEPT_CHANGES", 2)
    responder = make_responder(config)
    made = await registration_with(registrations, "a")
    assert texts(ask(responder, made.fulldomain)) == [txt("a")]
    for letter in "bcdefg":
        await registrations.publish(made.subdomain, txt(letter))
    await registration_with(registrations, "x", "y", "z")
    await registrations.sweep()
    assert texts(ask(responder, made.fulldomain)) == [txt(each) for each in "abcdefg"]


async def test_a_value_ends_without_anybody_writing(
    config: Config, registrations: OpenRegistrations
) -> None:
    now = time.time()
    made = await registration_with(registrations, "a")
    responder = make_responder(config, clock=lambda: now)
    assert texts(ask(responder, made.fulldomain)) == [txt("a")]
    now += config.value_lifetime - 2
    assert texts(ask(responder, made.fulldomain)) == [txt("a")]
    now += 3
    reply = ask(responder, made.fulldomain)
    assert reply.rcode() == dns.rcode.NOERROR
    assert texts(reply) == []


async def test_of_several_values_each_ends_at_its_own_time(
    config: Config, registrations: OpenRegistrations
) -> None:
    now = time.time()
    made = await registration_with(registrations, "a")
    longer = registrations.with_settings(zone=registrations.zone, value_lifetime=10**7)
    await longer.publish(made.subdomain, txt("b"))
    responder = make_responder(config, clock=lambda: now)
    assert texts(ask(responder, made.fulldomain)) == [txt("a"), txt("b")]
    now += config.value_lifetime + 1
    assert texts(ask(responder, made.fulldomain)) == [txt("b")]


async def test_the_table_is_bounded_and_still_answers(
    config: Config, registrations: OpenRegistrations
) -> None:
    responder = make_responder(config, max_bytes=5_000)
    made = [await registration_with(registrations, "a", "b") for _ in range(40)]
    for _ in range(2):
        for each in made:
            assert texts(ask(responder, each.fulldomain)) == [txt("a"), txt("b")]
            assert 0 < len(responder._entries) < 20


async def test_warming_up_takes_up_all_live_values_page_by_page(
    config: Config, registrations: OpenRegistrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "_WARM_PAGE", 20)
    made = [
        await registration_with(registrations, *"abcdefghijklmnop"[: index % 17])
        for index in range(40)
    ]
    await registrations.set_disabled(made[5].subdomain, disabled=True)
    responder = make_responder(config)
    while responder.warm_up():
        pass
    assert len(responder._entries) == 40 - 3 - 1
    for index, each in enumerate(made):
        expected = "" if index == 5 else "abcdefghijklmnop"[: index % 17]
        assert texts(ask(responder, each.fulldomain)) == [txt(letter) for letter in expected]


async def test_warming_up_stops_before_the_table_is_full(
    config: Config, registrations: OpenRegistrations
) -> None:
    made = [await registration_with(registrations, "a") for _ in range(5)]
    responder = make_responder(config, max_bytes=1)
    assert not responder.warm_up()
    responder._table._bytes = 1
    assert not responder.warm_up()
    assert texts(ask(responder, made[0].fulldomain)) == [txt("a")]


async def test_storage_that_fails_is_servfail_for_what_is_not_known(
    config: Config, registrations: OpenRegistrations, tmp_path: Path
) -> None:
    responder = make_responder(config)
    known = await registration_with(registrations, "a")
    unknown = await registration_with(registrations, "b")
    ask(responder, known.fulldomain)
    away = tmp_path / "away.db"
    database = config.database.rename(away)
    responder._table._reader.close()
    try:
        assert texts(ask(responder, known.fulldomain)) == [txt("a")]
        for name in (
            unknown.fulldomain,
            f"00000000-0000-4000-8000-000000000000.{registrations.zone}",
        ):
            assert ask(responder, name).rcode() == dns.rcode.SERVFAIL
        assert ask(responder, f"nope.{registrations.zone}").rcode() == dns.rcode.NXDOMAIN
        assert texts(ask(responder, f"www.{registrations.zone}")) == ["statictext"]
        # Told of a change that it cannot read, it no longer knows what it knew.
        announcements = Announcements(config.database)
        announcements.announce()
        announcements.close()
        assert ask(responder, known.fulldomain).rcode() == dns.rcode.SERVFAIL
        assert not make_responder(config).warm_up()
    finally:
        database.rename(config.database)
    assert texts(ask(responder, known.fulldomain)) == [txt("a")]
    assert texts(ask(responder, unknown.fulldomain)) == [txt("b")]


async def test_a_chain_into_a_registration_that_cannot_be_read_is_servfail(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    registrations = open_for(load_config(path))
    made = await registration_with(registrations, "a")
    await registrations.close()
    config = load_config(write_config(tmp_path, records=f"demo CNAME {made.fulldomain}."))
    assert texts(ask(make_responder(config), "demo.example.com")) == [txt("a")]
    config.database.unlink()
    assert ask(make_responder(config), "demo.example.com").rcode() == dns.rcode.SERVFAIL


async def test_a_wildcard_beside_registrations_does_not_reach_below_them(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_text(path.read_text().replace("a.b.c   TXT", '* TXT "wild"\na.b.c   TXT'))
    config = load_config(path)
    registrations = open_for(config)
    made = await registration_with(registrations)
    responder = make_responder(config)
    zone = registrations.zone
    assert texts(ask(responder, f"any.{zone}")) == ["wild"]
    assert texts(ask(responder, f"00000000-0000-4000-8000-000000000000.{zone}")) == ["wild"]
    assert texts(ask(responder, made.fulldomain)) == []
    assert ask(responder, f"x.{made.fulldomain}").rcode() == dns.rcode.NXDOMAIN
    await registrations.close()


async def test_a_bug_is_servfail_and_logged(
    config: Config,
    registrations: OpenRegistrations,
    caplog: pytest.LogCaptureFixture,
) -> None:
    times = [time.time()]

    def broken_clock() -> float:
        return times.pop() if times else 1 / 0

    made = await registration_with(registrations, "a")
    responder = make_responder(config, clock=broken_clock)
    assert ask(responder, made.fulldomain).rcode() == dns.rcode.SERVFAIL
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("query", [reader._CHANGES, reader._CHANGED_VALUES])
@pytest.mark.usefixtures("registrations")
async def test_catching_up_reads_newer_changes_only(config: Config, query: str) -> None:
    with closing(sqlite3.connect(config.database)) as connection:
        plan = [str(row[3]) for row in connection.execute(f"EXPLAIN QUERY PLAN {query}", (1,))]
    assert any(step.startswith("SEARCH c ") and "(rowid>?)" in step for step in plan), plan
    assert not any("AUTOMATIC" in step for step in plan)
