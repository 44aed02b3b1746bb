"""The zones that a database remembers, whichever it is."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.challenge_config import CONFIG
from tests.support.opened_service import OpenRegistrations, open_registrations
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.store.postgres_database import try_out_postgres
from zoneproof.challengedns.store.remembered_zones import look_for_gone, take_up
from zoneproof.challengedns.store.sqlite_database import try_out
from zoneproof.core.names import DomainName


@pytest.fixture
async def opened(place: Path | str) -> AsyncIterator[OpenRegistrations]:
    opened = open_registrations(place, zone=DomainName("a.test"), value_lifetime=3600)
    yield opened
    await opened.close()


async def test_a_database_that_is_tried_out_says_it_and_remembers_nothing(
    opened: OpenRegistrations, place: Path | str, tmp_path: Path
) -> None:
    def try_it(zone: str) -> str:
        path = tmp_path / "zoneproof.toml"
        path.write_text(CONFIG.replace("auth.example.org", zone))
        look = functools.partial(look_for_gone, config=load_config(path))
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
    ("before", "now", "gone"),
    [
        ([], ["a.test"], []),
        (["a.test"], ["a.test"], []),
        (["a.test"], ["b.test", "a.test"], []),
        (["a.test"], ["b.test"], ["a.test"]),
        (["b.test", "a.test", "c.test"], ["c.test"], ["a.test", "b.test"]),
    ],
)
async def test_zones_that_are_gone_are_told_once(
    opened: OpenRegistrations, before: list[str], now: list[str], gone: list[str]
) -> None:
    database = opened.database
    assert await database.write(lambda tx: take_up(tx, before)) == ([], 0)
    await opened.register()
    assert await database.write(lambda tx: take_up(tx, now)) == (gone, 1)
    assert await database.write(lambda tx: take_up(tx, now)) == ([], 1)
