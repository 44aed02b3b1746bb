"""What goes wrong on real machines: disks, clocks, ports, old programs. Nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import dns.message
import dns.rcode
import pytest

from tests.challengedns.processes import fails_to_start, kill_workers, refusal
from tests.support.challenge_service import (
    ZONE,
    Service,
    challenge_command,
    everywhere,
    make_responder,
    register,
    request,
    sample,
    txt,
    update,
    write_config,
)
from tests.support.clock import Clock
from tests.support.mounts import needs_mounts, on_read_only_disk
from tests.support.nodes import wait_until
from tests.support.opened_service import open_registrations
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.dns.counters import BLIND, DAMAGED, SEES, SIGHT, private_cells
from zoneproof.core.errors import ConfigError
from zoneproof.storage import load_migrations, open_sqlite

DAY = 86_400


@needs_mounts
def test_on_a_file_system_that_is_read_only_commands_read_and_all_else_says_why(
    tmp_path: Path,
) -> None:
    path = write_config(tmp_path)
    with Service(path):
        assert challenge_command(path, "tenant", "create", "somebody").status == 0

    def run(command: str) -> subprocess.CompletedProcess[str]:
        return on_read_only_disk(tmp_path, f"challenge {command} --config {path}")

    why = "its file system is mounted read-only: mount it for writing"
    for command in ("serve", "tenant create another", "serve --check --no-dns"):
        done = run(command)
        assert done.returncode == 1
        assert why in done.stdout + done.stderr
    listed = run("tenant list")
    assert listed.returncode == 0, listed.stderr
    assert "somebody" in listed.stdout


def damage(database: Path) -> None:
    """Overwrite all but the first page, as a broken disk or a stray program does."""
    with database.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (database.stat().st_size - 4096))


def test_a_damaged_database_is_found_at_the_start_and_by_check(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        assert update(service.url, register(service.url), txt("a")).status == 200
    damage(tmp_path / "challenge.db")
    assert "it is damaged: restore it from a backup" in fails_to_start(service.config)
    done = challenge_command(service.config, "serve", "--check", "--no-dns")
    assert done.status == 1
    assert "damaged: restore it from a backup" in done.stdout


def test_what_sqlite_reports_of_damage_is_told_in_one_line(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        pass
    database = tmp_path / "challenge.db"
    with database.open("r+b") as file:
        file.seek(5 * 4096 + 3)  # how many cells the sixth page has
        file.write(b"\0\x09")
    with closing(sqlite3.connect(database)) as connection:
        reported = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
    assert "\n" in reported
    told = f"it is damaged: restore it from a backup ({reported.replace(chr(10), ' ')})"
    assert told in fails_to_start(service.config)
    assert told in challenge_command(service.config, "serve", "--check", "--no-dns").stdout


def test_an_emptied_database_is_no_new_one(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
    database = tmp_path / "challenge.db"
    database.write_bytes(b"")
    assert "it is empty, but was not when" in fails_to_start(service.config)
    assert database.stat().st_size == 0
    checked = challenge_command(service.config, "serve", "--check", "--no-dns")
    assert checked.status == 1
    assert "it is empty, but was not when" in checked.stdout
    database.unlink()
    tmp_path.joinpath("challenge.db.changed").unlink()
    with Service(service.config) as again:
        assert update(again.url, account, txt("a")).status == 401


def copy_of_removed(service: Service, database: Path) -> Path:
    """Save a database as the manual says."""
    saved = database.with_name("saved.db")
    opened = next(
        each
        for each in Path(f"/proc/{service.process.pid}/fd").iterdir()
        if each.readlink() == Path(f"{database} (deleted)")
    )
    saved.write_bytes(opened.read_bytes())
    saved.with_name("saved.db-wal").write_bytes(Path(f"{database}-wal").read_bytes())
    with closing(sqlite3.connect(saved)) as connection:
        assert connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
    return saved


def test_a_removed_database_is_no_new_one_and_can_be_saved(tmp_path: Path) -> None:
    database, traces = tmp_path / "challenge.db", ["challenge.db-wal", "challenge.db.changed"]
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
        assert update(service.url, account, txt("a")).status == 200
        database.unlink()
        assert update(service.url, account, txt("b")).status == 500
        service.wait_for_line(
            "removed while open: before you stop the service, put it back, or copy it from"
            f" /proc/{service.process.pid}/fd with {database}-wal"
        )
        saved = copy_of_removed(service, database)
        service.stop(signal.SIGTERM)
    lost = "it is missing, but was there when"
    for trace in (None, *traces):  # each of them tells, without the other
        aside = None if trace is None else (tmp_path / trace).rename(tmp_path / "aside")
        assert lost in fails_to_start(service.config)
        checked = challenge_command(service.config, "serve", "--check", "--no-dns")
        assert checked.status == 1
        assert lost in checked.stdout
        assert lost in refusal(challenge_command(service.config, "tenant", "list"))
        assert not database.exists()
        if aside and trace:
            aside.rename(tmp_path / trace)
    for each in ("challenge.db-wal", "challenge.db-shm"):
        (tmp_path / each).unlink()
    saved.rename(database)
    with Service(service.config) as again:
        assert everywhere(again, account.fulldomain) == {(txt("a"),)}
        assert update(again.url, account, txt("b")).status == 200


def test_once_the_database_is_damaged_no_update_is_acknowledged(tmp_path: Path) -> None:
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
        assert update(service.url, account, txt("a")).status == 200
    with Service(service.config) as again:
        assert update(again.url, account, txt("b")).status == 200
        damage(tmp_path / "challenge.db")
        for letter in "cdef":
            assert update(again.url, account, txt(letter)).status == 500
        again.wait_for_line("it is damaged: restore it from a backup")
        assert request(again.url, "GET", "/health").status == 503
        assert again.ask(ZONE, "A").answer


@pytest.mark.parametrize("takes_its_place", [False, True])
def test_once_the_database_is_another_file_no_update_is_acknowledged(
    tmp_path: Path, takes_its_place: bool
) -> None:
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
        assert update(service.url, account, txt("a")).status == 200
        database = tmp_path / "challenge.db"
        data = database.read_bytes()
        database.rename(tmp_path / "aside.db")
        if takes_its_place:
            database.write_bytes(data)
        assert update(service.url, account, txt("b")).status == 500
        assert request(service.url, "GET", "/health").status == 503
        assert everywhere(service, account.fulldomain) == {(txt("a"),)}
        (tmp_path / "aside.db").replace(database)
        assert update(service.url, account, txt("b")).status == 200
        assert request(service.url, "GET", "/health").status == 200
        assert everywhere(service, account.fulldomain) == {(txt("a"), txt("b"))}


def test_workers_hear_of_changes_again_after_the_file_that_tells_them_was_removed(
    tmp_path: Path,
) -> None:
    with Service(write_config(tmp_path)) as service:
        account = register(service.url)
        assert update(service.url, account, txt("a")).status == 200
        assert everywhere(service, account.fulldomain) == {(txt("a"),)}
        (tmp_path / "challenge.db.changed").unlink()
        kill_workers(service)  # those that follow hear by another file
        service.wait_for_line("files that notify DNS workers of changes were removed")
        assert update(service.url, account, txt("b")).status == 200
        assert everywhere(service, account.fulldomain) == {(txt("a"), txt("b"))}


def test_the_file_that_tells_workers_of_changes_can_be_emptied_in_place(tmp_path: Path) -> None:
    """A worker that looks into it meanwhile ends, and another answers; no update is lost.

    The first one's successor makes it whole, be it before all others have looked or not.
    """
    with Service(write_config(tmp_path), workers_as_installed=True) as service:
        account = register(service.url)
        for values in ("a", "ab"):
            os.truncate(tmp_path / "challenge.db.changed", 0)
            assert update(service.url, account, txt(values[-1])).status == 200
            assert everywhere(service, account.fulldomain) == {tuple(map(txt, values))}
        os.truncate(tmp_path / "challenge.db.changed", 0)
        service.wait_for_line(r"DNS worker \d+ \((udp|tcp)\) ended with status -7")
        # Until then a worker that is asked ends, too, and the question with it.
        changed = tmp_path / "challenge.db.changed"
        wait_until(lambda: changed.stat().st_size == 8, "the file is whole again")
        assert everywhere(service, account.fulldomain) == {(txt("a"), txt("b"))}
        assert update(service.url, account, txt("c")).status == 200
        assert everywhere(service, account.fulldomain) == {(txt("a"), txt("b"), txt("c"))}


async def test_a_worker_says_when_it_cannot_read_and_when_it_can_again(tmp_path: Path) -> None:
    config, name = await sample(tmp_path)
    packet = dns.message.make_query(name, "TXT").to_wire()
    cells = private_cells()
    responder = make_responder(config, cells=cells)
    hidden = config.database.rename(config.database.with_name("hidden.db"))
    responder.look()
    assert cells[SIGHT] == BLIND
    hidden.rename(config.database)
    responder.look()
    assert cells[SIGHT] == SEES
    assert responder.respond(packet)
    assert cells[SIGHT] == SEES


async def test_damage_that_a_worker_has_found_stays_found(tmp_path: Path) -> None:
    config, name = await sample(tmp_path)
    cells = private_cells()
    responder = make_responder(config, cells=cells)
    whole = config.database.read_bytes()
    damage(config.database)
    reply = responder.respond(dns.message.make_query(name, "TXT").to_wire())
    assert reply
    assert dns.message.from_wire(reply).rcode() == dns.rcode.SERVFAIL
    assert cells[SIGHT] == DAMAGED
    config.database.write_bytes(whole)
    responder.look()
    assert cells[SIGHT] == DAMAGED


def test_a_folder_in_which_nothing_can_be_made_is_said(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    path.write_text(f'database = "/proc/{os.getpid()}/challenge.db"\n{path.read_text()}')
    assert "challenge.db" in fails_to_start(path)


async def test_a_database_of_a_newer_version_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    database = tmp_path / "challenge.db"
    await open_sqlite(database, load_migrations("zoneproof.challengedns")).close()
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE schema_version SET number = 999")
        connection.execute("CREATE TABLE of_the_future (x)")
    connection.close()
    line = fails_to_start(path)
    assert "written by a newer Zoneproof" in line
    assert "update Zoneproof" in line
    connection = sqlite3.connect(database)
    assert connection.execute("SELECT number FROM schema_version").fetchall() == [(999,)]
    connection.close()


async def test_a_clock_that_jumps_loses_no_value_early_and_serials_only_rise(
    tmp_path: Path,
) -> None:
    clock = Clock(now=1_800_000_000.0)
    config = load_config(write_config(tmp_path))
    registrations = open_registrations(
        config.database,
        zone=config.registration_zone,
        value_lifetime=config.value_lifetime,
        clock=clock,
    )
    made = await registrations.register()
    serials = [await registrations.begin_generation()]

    async def live() -> list[str]:
        return [value for value, _ in await registrations.values(made.subdomain)]

    await registrations.publish(made.subdomain, txt("a"))
    for jump in (-30 * DAY, 30 * DAY + 1, 3 * DAY, -3 * DAY):
        clock.now += jump
        await registrations.sweep()
        assert txt("a") in await live()
        serials.append(await registrations.begin_generation())
    clock.now -= 400 * DAY
    await registrations.publish(made.subdomain, txt("b"))
    serials.append(await registrations.begin_generation())
    assert set(await live()) == {txt("a"), txt("b")}
    await registrations.publish(made.subdomain, txt("a"))
    assert set(await live()) == {txt("a"), txt("b")}
    assert serials == sorted(set(serials))
    await registrations.close()


def test_a_zone_in_the_place_of_a_registration_is_refused(tmp_path: Path) -> None:
    path = write_config(tmp_path)
    name = f"deep.11111111-1111-4111-8111-111111111111.{ZONE}"
    path.write_text(path.read_text().replace('"inner.deep.example.com"', json.dumps(name)))
    with pytest.raises(ConfigError, match="would hide a registration of auth"):
        load_config(path)


def test_a_zone_inside_another_is_answered_by_its_own_records_and_loses_nothing(
    tmp_path: Path,
) -> None:
    path = write_config(tmp_path)
    text = path.read_text().replace('"inner.deep.example.com"', f'"inner.{ZONE}"')
    path.write_text(text.replace("registrations = false\n", "", 2))
    with Service(path) as service:
        account = register(service.url)
        assert update(service.url, account, txt("a")).status == 200
        assert everywhere(service, account.fulldomain) == {(txt("a"),)}
        for name in (ZONE, f"inner.{ZONE}"):
            (soa,) = service.ask(name, "SOA").answer
            assert str(soa.name) == f"{name}."
        assert str(service.ask(f"x.inner.{ZONE}").authority[0].name) == f"inner.{ZONE}."
