"""What goes wrong where certificates are renewed: databases, disks, keys, clocks, two at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from tests.manager.managed import (
    CHALLENGE,
    DAY,
    daemon,
    end,
    line_of,
    listed,
    obtain,
    query,
    run_bound,
    wait_for,
)
from tests.support.command import Result, run_zoneproof
from tests.support.locked import locked_by_another_process
from tests.support.world import World
from zoneproof.core.errors import StorageError
from zoneproof.manager import Home, open_manager
from zoneproof.storage import sqlite
from zoneproof.vault import Key

READING = (
    ["list"],
    ["list", "--toml"],
    ["show", "example.com"],
    ["history", "example.com"],
    ["credential", "list"],
)
WRITING = (
    ["renew"],
    ["issue", "example.com"],
    ["edit", "example.com", "--ttl=5"],
    ["add", "www.example.com", "--provider=manual"],
    ["revoke", "example.com", "--yes"],
    ["remove", "example.com", "--yes"],
)
WORKING = (["preview", "example.com"], *WRITING)
COMMANDS = (*READING, *WORKING)
NEW_CHALLENGE = "_acme-challenge.www.example.com"  # of which the CA knows no validation


# --- the state database and the home -----------------------------------------------------------


async def test_a_database_that_another_process_keeps_locked_is_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "_BUSY_SECONDS", 0.05)
    with (
        locked_by_another_process(world.home / "state.sqlite3"),
        pytest.raises(StorageError, match="another process keeps it locked: stop that process"),
    ):
        async with open_manager(Home(world.home)):
            pass
    assert listed(world)["status"] == "missing"


def test_a_read_only_database_is_said(world: World) -> None:
    database = world.home / "state.sqlite3"
    database.chmod(0o400)
    for command in READING:
        assert run_bound(world, *command).status == 0
    for command in WRITING:
        line = line_of(run_bound(world, *command))
        assert "it is read-only: give this user write permission" in line
    database.chmod(0o600)
    assert run_bound(world, "list").status == 0


def test_an_emptied_database_is_no_new_one(world: World) -> None:
    obtain(world)
    database = world.home / "state.sqlite3"
    kept = database.read_bytes()
    database.write_bytes(b"")
    for command in (["list"], ["renew"], ["issue", "example.com"]):
        assert "it is empty, but was not when" in line_of(run_bound(world, *command))
    database.write_bytes(kept)
    assert listed(world)["status"] == "valid"


def test_a_database_of_a_newer_version_is_left_as_it_is(world: World) -> None:
    query(world, "UPDATE schema_version SET number = 999")
    for command in COMMANDS:
        assert "written by a newer Zoneproof" in line_of(world.run(*command))
    assert set(query(world, "SELECT number FROM schema_version")) == {(999,)}
    assert query(world, "SELECT name FROM certificates") == [("example.com",)]


def test_a_pipe_in_place_of_the_settings_is_said(world: World) -> None:
    (world.home / "settings.toml").unlink()
    os.mkfifo(world.home / "settings.toml")
    for command in COMMANDS:
        assert "settings.toml: it is a named pipe" in line_of(world.run(*command))


def test_a_read_only_home_is_said(world: World) -> None:
    world.home.chmod(0o500)
    for command in READING:
        assert run_bound(world, *command).status == 0
    for command in WRITING:
        line = line_of(run_bound(world, *command))
        assert "write permission for the file and its folder" in line
    world.home.chmod(0o700)
    assert run_bound(world, "list").status == 0


def test_a_home_of_another_user_is_said(world: World) -> None:
    world.home.chmod(0o000)
    for command in COMMANDS:
        line = line_of(run_bound(world, *command))
        assert f"cannot look into {world.home}: run this as the user who owns it" in line
    world.home.chmod(0o700)


def test_locks_that_cannot_be_made_are_said(world: World) -> None:
    (world.home / "locks").mkdir(mode=0o500)
    result = run_bound(world, "renew", *world.ca_options[1:])
    assert result.status == 1
    assert f"cannot lock example.com in {world.home / 'locks'}: Permission denied" in result.stderr


# --- the vault's key -----------------------------------------------------------------------------


def test_a_vault_key_that_is_missing_is_said(world: World) -> None:
    (world.home / "vault.key").unlink()
    for command in WORKING:
        line = line_of(world.run(*command))
        assert "is missing" in line
        assert "restore the key in one of these places" in line
    for command in READING:
        assert world.run(*command).status == 0
    assert not (world.home / "vault.key").exists()


def test_another_home_s_vault_key_is_said(world: World) -> None:
    key = world.home / "vault.key"
    key.write_text(f"{Key.new().to_text()}\n")
    for command in WORKING:
        line = line_of(world.run(*command))
        assert "were sealed with the vault key" in line
        assert f"but {key} holds" in line
    for command in READING:
        assert world.run(*command).status == 0


def test_the_daemon_waits_for_its_vault_key(world: World) -> None:
    (world.home / "vault.key").unlink()
    with daemon(world) as process:
        said = json.loads(process.stdout.readline())
        assert said["event"] == "trouble"
        assert "is missing" in said["message"]
        assert end(process) == (130, [])


# --- disks ---------------------------------------------------------------------------------------


def test_a_disk_that_is_full_when_a_certificate_is_written(world: World) -> None:
    obtain(world)
    live, archive = world.home / "live/example.com", world.home / "archive/example.com"
    before = {link.name: link.readlink() for link in live.iterdir()}
    module = [sys.executable, "-m", "tests.cli.full_disk_at", "certificate_issued"]
    result = subprocess.run(
        [*module, "issue", "--force", "--json", "example.com"],
        env=world.environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert result.returncode == 1, result.stderr
    said = json.loads(result.stdout.splitlines()[-1])["message"]
    assert said.startswith(f"cannot write the certificate to {archive}/cert2.pem: File too large")
    assert said.endswith("the order is kept and continues")
    assert sorted(path.name for path in archive.iterdir()) == sorted(
        f"{name}1.pem" for name in ("cert", "chain", "fullchain", "privkey")
    )
    assert {link.name: link.readlink() for link in live.iterdir()} == before

    again = world.run("issue", "--force", "--json", "example.com")
    assert again.status == 0, again.stdout
    assert "order_resumed" in again.event_names
    assert "order_created" not in again.event_names
    assert {link.resolve().name[-5] for link in live.iterdir()} == {"2"}
    assert listed(world)["status"] == "valid"
    assert world.txt_values(CHALLENGE) == set()


# --- clocks --------------------------------------------------------------------------------------


def run_at(world: World, seconds: int, *arguments: str) -> Result:
    """Run a command whose clock is wrong by so many seconds."""
    return world.run(str(seconds), *arguments, module="tests.manager.at_another_time")


def test_a_clock_two_days_behind_renews_nothing_and_is_told(world: World) -> None:
    obtain(world)
    result = run_at(world, -2 * DAY, "renew")
    assert result.status == 0, result.stderr
    assert "1 not due" in result.stdout
    facts = listed(world, run_at(world, -2 * DAY, "list", "--json"))
    assert facts["status"] == "valid"
    assert "this machine's clock says" in facts["problem"]
    assert "set the clock" in facts["problem"]
    assert listed(world)["problem"] == ""


def test_a_clock_two_days_behind_obtains_what_is_missing(world: World) -> None:
    result = run_at(world, -2 * DAY, "renew", *world.ca_options[1:])
    assert result.status == 0, result.stderr
    assert "1 not due" in run_at(world, -2 * DAY, "renew").stdout
    assert listed(world)["status"] == "valid"


def test_a_clock_two_days_ahead_renews_early_and_once(world: World) -> None:
    world.run("edit", "example.com", "--profile=days")
    obtain(world)
    query(world, "UPDATE certificates SET state = json_remove(state, '$.renewal.chosen')")
    result = run_at(world, 2 * DAY, "renew")
    assert result.status == 0, result.stderr
    assert "1 renewed" in result.stdout
    assert "1 not due" in world.run("renew").stdout
    assert listed(world)["status"] == "valid"


@pytest.mark.parametrize("days", [100, 5000])
def test_a_clock_far_ahead_renews_once_and_is_told(world: World, days: int) -> None:
    obtain(world)
    assert "it expired at" in run_at(world, days * DAY, "renew").stdout
    again = run_at(world, days * DAY, "renew")
    assert "1 not due" in again.stdout
    assert "set the clock" in again.stdout
    facts = listed(world, run_at(world, days * DAY, "list", "--json"))
    assert facts["status"] == "expired"
    assert "was obtained at" in facts["problem"]
    assert "this machine's clock says" in facts["problem"]
    facts = listed(world)
    assert (facts["status"], facts["problem"]) == ("valid", "")
    assert "1 not due" in world.run("renew").stdout


def test_a_clock_in_1970_renews_nothing_and_is_told(world: World) -> None:
    obtain(world)
    since = -int(time.time())
    assert "1 not due" in run_at(world, since, "renew").stdout
    facts = listed(world, run_at(world, since, "list", "--json"))
    assert "this machine's clock says 1970-01-01" in facts["problem"]


def test_a_failure_while_the_clock_was_ahead_does_not_hold_up_what_is_due(world: World) -> None:
    failed = run_at(world, 2 * DAY, "renew")  # its terms of service are not agreed to
    assert failed.status == 1
    assert listed(world)["status"] == "failing"
    obtain(world)
    assert listed(world)["status"] == "valid"


# --- two at once ---------------------------------------------------------------------------------


def test_cron_leaves_alone_what_the_daemon_works_on_and_sigterm_cleans_up(world: World) -> None:
    obtain(world)
    world.run("edit", "example.com", "--add-name=www.example.com", "--propagation=600")
    with daemon(world) as process:
        wait_for(process, "record_published")
        cron = world.run("renew", "--json")
        assert cron.status == 0, cron.stdout
        assert cron.event("renewal")["result"] == "busy"
        assert f"process {process.pid}" in cron.event("renewal")["error"]
        assert world.txt_values(NEW_CHALLENGE)
        assert query(world, "SELECT count(*) FROM orders WHERE state = 'open'") == [(1,)]
        status, events = end(process)
    assert status == 130
    assert "record_removed" in events
    assert world.txt_values(NEW_CHALLENGE) == set()

    world.run("edit", "example.com", "--propagation=authoritative")
    result = world.run("renew", "--json")
    assert "order_resumed" in result.event_names
    assert result.event("renewal")["result"] == "renewed"
    assert query(world, "SELECT count(*) FROM orders") == [(2,)]


@pytest.mark.parametrize("command", [("list",), ("notify", "test"), ("renew",), ("show", "x")])
def test_a_home_below_a_folder_that_this_user_may_not_enter_is_said(
    world: World, tmp_path: Path, command: tuple[str, ...]
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    there = replace(world, folder=closed)
    line = line_of(run_bound(there, *command))
    assert f"this user cannot look into {closed}" in line
    assert "set ZONEPROOF_HOME" in line


def test_a_home_of_somebody_else_is_no_bar_to_what_needs_none(world: World, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    environment = {"HOME": str(closed), "ZONEPROOF_HOME": str(tmp_path / "home")}
    found = run_zoneproof("provider", "list", environment=environment, bound=os.geteuid() == 0)
    assert found.status == 0, found.stderr
