"""A home with a managed certificate, a CA and a DNS, the daemon beside them, and what they say."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.world import Result, World, open_world, zone_text

CHALLENGE = "_acme-challenge.example.com"
DAY = 86_400
PROFILES = {
    "profiles": {
        "default": {"description": "90 days", "validityPeriod": 90 * DAY},
        "days": {"description": "3 days", "validityPeriod": 3 * DAY},
    }
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    zones = {"example.com": zone_text("example.com")}
    no_reuse = {"PEBBLE_AUTHZREUSE": "0"}  # so that every order publishes
    with open_world(folder, zones, pebble_environment=no_reuse, pebble_config=PROFILES) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    """The same servers for all tests, and a home of its own for each, with one certificate."""
    world = World(tmp_path, servers.knot, servers.unbound, servers.pebble)
    world.write_settings(f'account = "{world.pebble.directory_url}"')
    result = world.run("add", "example.com", *world.rfc2136_options, "--profile=default")
    assert result.status == 0, result.stderr
    return world


def obtain(world: World) -> None:
    result = world.run("renew", *world.ca_options[1:])
    assert result.status == 0, result.stdout + result.stderr


def run_bound(world: World, *arguments: str) -> Result:
    """Run a command whom file modes bind, which is not so for root."""
    command = world.command(*arguments)
    if os.geteuid() == 0:
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", *command]
    done = subprocess.run(
        command, env=world.environment(), capture_output=True, text=True, timeout=60, check=False
    )
    return Result(done.returncode, done.stdout, done.stderr)


def line_of(result: Result) -> str:
    """Return the one line in which a command says why it cannot work."""
    assert result.status in (1, 2), result.stdout
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.startswith("zoneproof: ")
    assert "a bug in" not in result.stderr
    return result.stderr


def query(world: World, sql: str) -> list[Any]:
    with closing(sqlite3.connect(world.home / "state.sqlite3")) as connection:
        rows = connection.execute(sql).fetchall()
        connection.commit()
    return rows


def listed(world: World, result: Result | None = None) -> dict[str, Any]:
    (found,) = json.loads((result or world.run("list", "--json")).stdout)
    facts: dict[str, Any] = found
    return facts


@contextmanager
def daemon(world: World) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        world.command("run", "--json"),
        env=world.environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(process: subprocess.Popen[str], event: str) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if json.loads(line)["event"] == event:
            return
    raise AssertionError(f"the daemon never told of {event}")


def end(process: subprocess.Popen[str]) -> tuple[int, list[str]]:
    """Send SIGTERM; return the exit status and the events until then."""
    assert process.stdout is not None
    process.send_signal(signal.SIGTERM)
    events = [json.loads(line)["event"] for line in process.stdout.read().splitlines()]
    return process.wait(30), events
