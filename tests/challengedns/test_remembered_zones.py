"""The zones that a database remembers, whichever it is."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.challenge_config import CONFIG
from tests.support.clock import Clock
from tests.support.opened_service import OpenRegistrations, open_registrations
from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.store.last_questions import LastQuestion, write
from zoneproof.challengedns.store.postgres_database import try_out_postgres
from zoneproof.challengedns.store.remembered_zones import (
    A_WHILE,
    RememberedZones,
    look_for_gone,
    take_up,
)
from zoneproof.challengedns.store.sqlite_database import try_out
from zoneproof.core.names import DomainName


@pytest.fixture
def clock() -> Clock:
    return Clock(now=1_802_000_000.0)


@pytest.fixture
async def opened(place: Path | str, clock: Clock) -> AsyncIterator[OpenRegistrations]:
    opened = open_registrations(place, zone=DomainName("a.test"), value_lifetime=3600, clock=clock)
    yield opened
    await opened.close()


def serving(folder: Path, zone: str, more: str = "") -> Config:
    path = folder / "zoneproof.toml"
    path.write_text(CONFIG.replace("auth.example.org", zone) + more)
    return load_config(path)


async def test_a_database_that_is_tried_out_says_it_and_remembers_nothing(
    opened: OpenRegistrations, place: Path | str, tmp_path: Path
) -> None:
    def try_it(zone: str) -> str:
        look = functools.partial(look_for_gone, config=serving(tmp_path, zone))
        if isinstance(place, Path):
            return try_out(place, look)[1]
        return try_out_postgres(place, look).seen

    await opened.database.write(lambda tx: take_up(tx, ["a.test"]))
    assert try_it("b.test") == ""
    await opened.register()
    for _ in range(2):
        assert "no longer answered in a.test, where they were before" in try_it("b.test")
    assert try_it("a.test") == ""


@pytest.mark.parametrize(
    ("before", "now", "gone", "remembered"),
    [
        ([], ["a.test"], [], ["a.test"]),
        (["a.test"], ["a.test"], [], ["a.test"]),
        (["a.test"], ["b.test", "a.test"], [], ["a.test", "b.test"]),
        (["a.test"], ["b.test"], ["a.test"], ["a.test"]),
        (
            ["b.test", "a.test", "c.test"],
            ["c.test"],
            ["a.test", "b.test"],
            ["a.test", "b.test", "c.test"],
        ),
    ],
)
async def test_while_zones_are_missed_no_others_are_remembered(
    opened: OpenRegistrations,
    before: list[str],
    now: list[str],
    gone: list[str],
    remembered: list[str],
) -> None:
    database = opened.database
    assert await database.write(lambda tx: take_up(tx, before)) == ([], 0)
    await opened.register()
    for _ in range(2):
        assert await database.write(lambda tx: take_up(tx, now)) == (gone, 1)
    kept = await database.read(lambda tx: list(tx.query("SELECT name FROM challenge_zone")))
    assert sorted(kept) == [(name,) for name in remembered]


async def test_without_registrations_no_zone_is_missed(opened: OpenRegistrations) -> None:
    for zones in (["a.test"], ["b.test"], ["a.test"]):
        assert await opened.database.write(functools.partial(take_up, zones=zones)) == ([], 0)


async def test_a_mistake_that_is_undone_alarms_once_over_restarts_and_days(
    opened: OpenRegistrations, clock: Clock, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    zones = RememberedZones(clock, clock)

    async def serve(zone: str) -> str:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            await zones.remember(opened.database, serving(tmp_path, zone))
        return "\n".join(each.message for each in caplog.records)

    assert await serve("a.test") == ""
    await opened.register()
    assert "no longer answered in a.test, where" in await serve("mistyped.test")
    assert await serve("mistyped.test") == ""
    zones = RememberedZones(clock, clock)
    assert "no longer answered in a.test, where" in await serve("mistyped.test")
    assert await serve("a.test") == "registrations are answered in a.test again"
    assert await serve("a.test") == ""

    assert "no longer answered in a.test, where" in await serve("mistyped.test")
    for _ in range(3):  # nobody can have asked for a name there
        clock.now += A_WHILE
        assert await serve("mistyped.test") == ""
    assert await serve("a.test") == "registrations are answered in a.test again"


@pytest.mark.parametrize("evidence", ["a question", "a registration", "none is noted"])
async def test_zones_that_have_been_of_use_take_the_place_of_those_before_in_a_day(
    opened: OpenRegistrations, clock: Clock, tmp_path: Path, evidence: str
) -> None:
    made = await opened.register()
    zones = RememberedZones(clock, clock)
    no_notes = "[pages]\nlast_questions = false\n" if evidence == "none is noted" else ""

    async def serve(zone: str) -> None:
        await zones.remember(opened.database, serving(tmp_path, zone, no_notes))

    async def remembered() -> list[object]:
        rows = await opened.database.read(lambda tx: tx.query("SELECT name FROM challenge_zone"))
        return [name for (name,) in rows]

    await serve("a.test")
    await serve("b.test")
    clock.now += 1
    if evidence == "a question":
        asked = {made.subdomain: LastQuestion(int(clock.now), "192.0.2.0/24", 1)}
        await opened.database.write(lambda tx: write(tx, asked))
    elif evidence == "a registration":
        await opened.register()
    clock.now += A_WHILE - 2
    await serve("b.test")
    assert await remembered() == ["a.test"]
    clock.now += 1
    await serve("b.test")
    assert await remembered() == ["b.test"]
