"""A SQLite database on one machine: what is in its files, and how DNS workers hear of changes."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.challenge_service import (
    ZONE,
    Service,
    challenge_command,
    register,
    txt,
    update,
    write_config,
)
from tests.support.clock import Clock
from tests.support.opened_service import OpenRegistrations, caller, open_registrations, values
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.announcements import Announcements, announced_number
from zoneproof.challengedns.store.value_time import ValueClock
from zoneproof.core.errors import StorageError
from zoneproof.core.names import DomainName
from zoneproof.storage import SqliteStore, load_migrations, open_sqlite


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    return open_sqlite(tmp_path / "challenge.db", load_migrations("zoneproof.challengedns"))


@pytest.fixture
async def registrations(tmp_path: Path) -> AsyncIterator[OpenRegistrations]:
    clock = Clock(now=1_000_000.0)
    opened = open_registrations(
        tmp_path / "challenge.db",
        zone=DomainName("auth.example.org"),
        value_lifetime=3600,
        clock=clock,
        value_clock=ValueClock(clock, clock),
    )
    yield opened
    await opened.close()


async def test_every_change_is_announced_and_reading_is_not(
    registrations: OpenRegistrations, tmp_path: Path
) -> None:
    heard = announced_number(tmp_path / "challenge.db")
    made = await registrations.register()
    seen = {heard[0]}
    await registrations.publish(made.subdomain, txt("a"))
    seen.add(heard[0])
    await registrations.withdraw(made.subdomain, txt("a"))
    seen.add(heard[0])
    assert len(seen) == 3
    await registrations.values(made.subdomain)
    await registrations.check()
    assert heard[0] in seen


async def test_a_commit_is_announced_though_its_caller_went_away(
    registrations: OpenRegistrations, tmp_path: Path
) -> None:
    made = await registrations.register()
    heard = announced_number(tmp_path / "challenge.db")
    before = heard[0]
    task = asyncio.create_task(registrations.publish(made.subdomain, txt("a")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await registrations.publish(made.subdomain, txt("b"))
    assert heard[0] != before
    assert await values(registrations, made) == [txt("a"), txt("b")]


async def test_a_new_name_is_no_news_for_workers_but_its_serial_is_soon(
    registrations: OpenRegistrations, tmp_path: Path
) -> None:
    await registrations.announce_missed()
    heard = announced_number(tmp_path / "challenge.db")
    before = heard[0]
    await registrations.register()
    assert heard[0] == before
    await registrations.announce_missed()
    assert heard[0] != before


async def test_a_commit_that_its_process_did_not_announce_is_announced_for_it(
    registrations: OpenRegistrations, store: SqliteStore, tmp_path: Path
) -> None:
    made = await registrations.register()
    await registrations.announce_missed()
    heard = announced_number(tmp_path / "challenge.db")
    before = heard[0]
    await registrations.announce_missed()
    assert heard[0] == before
    await store.write(lambda tx: rows.note_change(tx, made.subdomain))
    await registrations.announce_missed()
    assert heard[0] != before


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"challenge\.db\.changed"):
        Announcements(tmp_path / "missing" / "challenge.db")


async def test_no_secret_is_kept_or_shown(registrations: OpenRegistrations, tmp_path: Path) -> None:
    made = await registrations.register()
    assert made.password not in repr(made)
    assert made.password not in repr(caller(made))
    await registrations.close()
    for path in tmp_path.iterdir():
        assert made.password.encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600


def serial(service: Service) -> int:
    """Return the serial of the zone with the registrations."""
    found: int = service.ask(ZONE, "SOA").answer[0][0].serial
    return found


def test_the_serial_rises_after_a_backup_from_before_many_changes_was_restored(
    tmp_path: Path,
) -> None:
    config, database = write_config(tmp_path), tmp_path / "challenge.db"
    backup = tmp_path / "backup.db"
    with Service(config) as service:
        account = register(service.url)
        with closing(sqlite3.connect(database)) as here, closing(sqlite3.connect(backup)) as there:
            here.backup(there)
            here.execute("UPDATE challenge_generation SET generation = generation + 40000")
            here.commit()
        assert update(service.url, account, txt("a")).status == 200
        newest = serial(service)
    for leftover in tmp_path.glob("challenge.db-*"):
        leftover.unlink()
    backup.rename(database)
    # A change before the start lowers nothing.
    assert challenge_command(config, "registration", "note", account.subdomain, "a").status == 0
    with Service(config) as service:
        assert newest < serial(service) < newest + 10
        newest = serial(service)
    with Service(config) as service:
        assert newest < serial(service) < newest + 10


def test_however_many_processes_announce_the_highest_generation_only_rises(tmp_path: Path) -> None:
    database = tmp_path / "challenge.db"
    command = [sys.executable, "-m", "tests.challengedns.announce_many", str(database)]
    running = [
        subprocess.Popen([*command, str(first)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        for first in range(3)
    ]
    for process in running:
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
    for process in running:
        assert process.stdin
        process.stdin.close()
        process.stdin = None
    for process in running:
        process.communicate(timeout=60)
    assert [process.returncode for process in running] == [0, 0, 0]
    with closing(Announcements(database)) as announcements:
        assert announcements.highest(0) == 30_002


def test_a_damaged_note_of_the_highest_generation_is_not_believed(tmp_path: Path) -> None:
    announcements = Announcements(tmp_path / "challenge.db")
    announcements.announce(2000)
    announcements.announce(1000)
    assert announcements.highest(1000) == 2000
    (tmp_path / "challenge.db.changed").write_bytes(b"\xff" * 16)
    assert announcements.highest(1000) == 0
    announcements.announce(1000)
    assert announcements.highest(1000) == 1000
    announcements.close()
