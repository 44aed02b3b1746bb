"""A home with a managed certificate, a CA and a DNS, the daemon beside them, and what they say."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
from contextlib import AbstractContextManager, closing
from typing import Any

from tests.support.command import Result
from tests.support.running_command import RunningCommand, running_command
from tests.support.world import World

CHALLENGE = "_acme-challenge.example.com"
DAY = 86_400


def obtain(world: World) -> None:
    result = world.run("renew", *world.ca_options[1:])
    assert result.status == 0, result.stdout + result.stderr


def run_bound(world: World, *arguments: str) -> Result:
    """Run a command whom file modes bind, which is not so for root."""
    return world.run(*arguments, bound=os.geteuid() == 0)


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
    """Return what ``list`` has to say of the only certificate."""
    facts: dict[str, Any]
    (facts,) = json.loads(result.stdout) if result else world.listed()
    return facts


def daemon(world: World) -> AbstractContextManager[RunningCommand]:
    return running_command(world.environment(), "run", "--json")


def wait_for(process: RunningCommand, event: str) -> None:
    for line in process.stdout:
        if json.loads(line)["event"] == event:
            return
    raise AssertionError(f"the daemon never told of {event}")


def end(process: RunningCommand) -> tuple[int, list[str]]:
    """Send SIGTERM; return the exit status and the events until then."""
    process.send_signal(signal.SIGTERM)
    events = [json.loads(line)["event"] for line in process.stdout.read().splitlines()]
    return process.wait(30), events
