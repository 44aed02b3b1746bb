"""The zones that a database remembers, whichever it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.opened_service import OpenRegistrations, open_registrations
from zoneproof.challengedns.store.remembered_zones import take_up
from zoneproof.core.names import DomainName


@pytest.fixture
async def opened(place: Path | str) -> AsyncIterator[OpenRegistrations]:
    opened = open_registrations(place, zone=DomainName("a.test"), value_lifetime=3600)
    yield opened
    await opened.close()


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
