"""A home in which no renewal can run: somebody is told, once a day, and so is whoever looks."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.manager.managed import line_of, run_bound
from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from tests.support.locked import locked_by_another_process
from tests.support.world import World
from zoneproof.core.errors import StorageError, VaultError
from zoneproof.manager import Home, Renewal, RunOptions, open_manager
from zoneproof.manager.certificates.daemon import keep_renewed, tell
from zoneproof.manager.certificates.last_resort import LastResort
from zoneproof.storage import sqlite

DAY = 86_400
STOPPED = "no certificate can be renewed: "


@pytest.fixture
async def receiver(world: World) -> AsyncIterator[FakeHttpServer]:
    """Who is told by the home's settings."""
    async with fake_http_server(lambda request: Reply(204)) as running:
        with (world.home / "settings.toml").open("a") as settings:
            settings.write(f'[[notify.webhook]]\nurl = "{running.url}"\nkinds = ["failing"]\n')
        yield running


def told(receiver: FakeHttpServer) -> list[str]:
    notices = [one for request in receiver.requests for one in request.json["notices"]]
    assert {one["kind"] for one in notices} <= {"failing"}
    return [str(one["message"]) for one in notices]


def lose_key(home: Path) -> None:
    (home / "vault.key").unlink()


def show_key(home: Path) -> None:
    (home / "vault.key").chmod(0o644)


def mistype(home: Path) -> None:
    settings = home / "settings.toml"
    settings.write_text(f"paralel = 3\n{settings.read_text()}")


def damage(home: Path) -> None:
    (home / "state.sqlite3").write_bytes(b"no database" * 1000)


def make_read_only(home: Path) -> None:
    home.chmod(0o500)


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (lose_key, "is missing"),
        (show_key, "chmod"),
        (mistype, "paralel"),
        (damage, "state.sqlite3"),
        (make_read_only, "read-only"),
    ],
)
async def test_a_renew_that_cannot_begin_tells_why(
    world: World, receiver: FakeHttpServer, spoil: Callable[[Path], None], word: str
) -> None:
    spoil(world.home)
    result = await asyncio.to_thread(run_bound, world, "renew")
    world.home.chmod(0o700)
    assert word in line_of(result)
    (message,) = told(receiver)
    assert message.startswith(STOPPED)
    assert word in message


async def test_it_is_told_once_a_day(world: World, receiver: FakeHttpServer) -> None:
    lose_key(world.home)
    for _ in range(2):
        assert (await asyncio.to_thread(world.run, "renew")).status == 1
    assert len(told(receiver)) == 1
    (mark,) = world.home.glob("told-of-trouble-*")
    yesterday = datetime.now(UTC).timestamp() - DAY
    assert stat.S_IMODE(mark.stat().st_mode) == 0o600
    os.utime(mark, (yesterday, yesterday))
    await asyncio.to_thread(world.run, "renew")
    assert len(told(receiver)) == 2


async def test_another_trouble_of_the_same_day_is_told_at_once(
    world: World, receiver: FakeHttpServer
) -> None:
    lose_key(world.home)
    await asyncio.to_thread(world.run, "renew")
    mistype(world.home)
    for _ in range(2):
        await asyncio.to_thread(world.run, "renew")
    (first, second) = told(receiver)
    assert "is missing" in first
    assert "paralel" in second


async def test_the_same_trouble_in_other_words_is_told_at_most_ten_times(
    world: World, receiver: FakeHttpServer
) -> None:
    for number in range(3):
        await LastResort(Home(world.home)).tell_stopped(StorageError(f"locked by {number}"))
    assert told(receiver) == [f"{STOPPED}locked by 0"]
    for letter in "abcdefghijklm":
        await LastResort(Home(world.home)).tell_stopped(StorageError(f"locked by {letter}"))
    assert len(told(receiver)) == 10


async def test_a_trial_tells_nobody_else(world: World, receiver: FakeHttpServer) -> None:
    lose_key(world.home)
    await asyncio.to_thread(world.run, "renew", "--dry-run")
    assert not told(receiver)


async def test_where_nothing_can_be_noted_a_process_tells_once(
    world: World, receiver: FakeHttpServer
) -> None:
    assert not await LastResort(Home(world.home)).tell_stopped(VaultError("no key"))
    (mark,) = world.home.glob("told-of-trouble-*")
    mark.unlink()
    mark.symlink_to(world.home / "gone" / "file")
    last_resort = LastResort(Home(world.home))
    for _ in range(2):
        assert not await last_resort.tell_stopped(VaultError("no key"))
    assert told(receiver) == [f"{STOPPED}no key"] * 2


async def test_what_cannot_be_noted_is_told_all_the_same(
    world: World, receiver: FakeHttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    failed = Renewal("example.com", "failed", (), error=StorageError("the disk is full"))
    async with open_manager(Home(world.home)) as manager:
        with locked_by_another_process(world.home / "state.sqlite3"):
            for _ in range(2):
                (problem,) = await tell(manager, [failed])
                assert "cannot note what was told about example.com" in problem
    assert told(receiver) == ["the disk is full"]


async def test_who_is_not_reached_is_said(world: World, receiver: FakeHttpServer) -> None:
    lose_key(world.home)
    receiver.handler = lambda request: Reply(404)
    result = await asyncio.to_thread(world.run, "renew")
    assert "404" in result.stderr


class EnoughError(Exception):
    """The daemon has waited as often as a test wants."""


async def daemon_waits(
    home: Path, times: int, meanwhile: Callable[[int], None] = lambda _: None
) -> list[str]:
    """Run the daemon until it has waited so often; return the troubles that it told.

    ``meanwhile`` is called each time that it waits, with how often it has.
    """
    troubles: list[str] = []
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)
        meanwhile(len(waits))
        if len(waits) == times:
            raise EnoughError

    with pytest.raises(EnoughError):
        await keep_renewed(
            Home(home),
            RunOptions(),
            lambda _: lambda _: None,
            on_round=lambda *_: None,
            on_trouble=troubles.append,
            sleep=sleep,
        )
    return troubles


async def test_the_daemon_tells_once_and_tries_on(world: World, receiver: FakeHttpServer) -> None:
    lose_key(world.home)
    troubles = await daemon_waits(world.home, 5)
    assert len(troubles) == 3
    assert all("trying again in a minute" in trouble for trouble in troubles)
    assert len(told(receiver)) == 1


@pytest.mark.parametrize("is_mount_point", [False, True])
async def test_a_daemon_whose_home_is_gone_tells_and_makes_no_other(
    world: World, receiver: FakeHttpServer, *, is_mount_point: bool
) -> None:
    """As where its disk is no longer mounted: an empty home would be checked without a word."""
    away = world.home.with_name("away")
    made: list[str] = []

    def meanwhile(times: int) -> None:
        if times == 1:
            world.home.rename(away)
            if is_mount_point:
                world.home.mkdir()
        if times == 5:
            made.extend(path.name for path in world.home.glob("*"))
            if world.home.exists():
                world.home.rename(world.home.with_name("other"))
            away.rename(world.home)

    troubles = await daemon_waits(world.home, 7, meanwhile)
    assert troubles
    assert all("state.sqlite3 is gone" in trouble for trouble in troubles)
    assert all(name.startswith("told-of-trouble-") for name in made)
    *_, message = told(receiver)  # after that of the certificate itself
    assert message.startswith(f"{STOPPED}the database {world.home}/state.sqlite3 is gone")
    assert len(told(receiver)) == 2


async def test_a_daemon_that_cannot_lock_its_home_tells_and_tries_on(
    world: World, receiver: FakeHttpServer
) -> None:
    (world.home / "locks").write_text("in the way of a folder")
    troubles = await daemon_waits(world.home, 3)
    assert len(troubles) == 2
    assert "cannot lock .run" in troubles[0]
    (message,) = told(receiver)
    assert "cannot lock .run" in message


def test_list_says_that_secrets_cannot_be_opened(world: World) -> None:
    assert world.run("list", "--problems").status == 0
    lose_key(world.home)
    for options, status in (((), 0), (("--problems",), 1), (("--problems", "--json"), 1)):
        result = world.run("list", *options)
        assert result.status == status
        assert result.stderr.startswith("zoneproof: stored secrets cannot be opened: ")
        assert result.stderr.count("\n") == 1
        if "--json" in options:
            json.loads(result.stdout)
