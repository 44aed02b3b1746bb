"""The zones that a database remembers, whichever it is."""

from __future__ import annotations

import functools
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.challenge_config import CONFIG
from tests.support.opened_service import OpenRegistrations, open_registrations
from zoneproof.challengedns.config import Config, load_config
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
async def opened(place: Path | str) -> AsyncIterator[OpenRegistrations]:
    opened = open_registrations(place, zone=DomainName("a.test"), value_lifetime=3600)
    yield opened
    await opened.close()


def serving(folder: Path, zone: str) -> Config:
    path = folder / "zoneproof.toml"
    path.write_text(CONFIG.replace("auth.example.org", zone))
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


async def test_a_mistake_that_is_undone_alarms_once_over_restarts_and_a_rename_for_a_day(
    opened: OpenRegistrations, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    zones = RememberedZones(lambda: now)

    async def serve(zone: str) -> str:
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            await zones.remember(opened.database, serving(tmp_path, zone))
        return "\n".join(each.message for each in caplog.records)

    assert await serve("a.test") == ""
    await opened.register()
    assert "no longer answered in a.test, where" in await serve("mistyped.test")
    assert await serve("mistyped.test") == ""
    zones = RememberedZones(lambda: now)
    assert "no longer answered in a.test, where" in await serve("mistyped.test")
    assert await serve("a.test") == "registrations are answered in a.test again"
    assert await serve("a.test") == ""

    assert "no longer answered in a.test, where" in await serve("b.test")
    now += A_WHILE
    assert await serve("b.test") == ""
    zones = RememberedZones(lambda: now)
    assert await serve("b.test") == ""
    assert "no longer answered in b.test, where" in await serve("c.test")
