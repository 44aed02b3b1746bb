"""``zoneproof leftover``: what runs could not remove is told once, shown, retried and dropped."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
from pathlib import Path

import pytest

from tests.cli.inside import Inside
from tests.cli.terminal import run_at_terminal
from zoneproof.challenges.webroot import Leftover
from zoneproof.core.names import DomainName
from zoneproof.issuance import HttpFile, JournaledOrder, PublishedRecord
from zoneproof.manager import Home, open_manager
from zoneproof.providers import Zone

BOTH = ["--field=create=/bin/true", "--field=delete=/bin/true"]
NAME = "_acme-challenge.a.example"
PROGRAM = """#!/bin/sh
test -e {ok} || {{ echo the DNS is on holiday >&2; exit 1; }}
"""


async def _leave(home: Path, script: Path, webroot: Path) -> None:
    """Journal what a run of a.example that was killed left: a TXT value, and a file."""
    async with open_manager(Home(home)) as manager:
        journal = manager.journal
        order = await journal.open_order(
            JournaledOrder(
                certificate="a.example",
                directory_url="https://ca.example/dir",
                account_url="https://ca.example/1",
                order_url="https://ca.example/2",
                identifiers=(),
                profile="",
            )
        )
        zone, fields = Zone(DomainName("a.example")), {"create": str(script), "delete": str(script)}
        value = PublishedRecord(
            order.id, "script", zone, "_acme-challenge", "the-value", 60, fields, "own"
        )
        await journal.will_publish([value])
        await journal.will_write([HttpFile(order.id, Leftover(webroot, "the-token", 0))])


@pytest.fixture
def left(inside: Inside, tmp_path: Path) -> Inside:
    """A home whose killed run left a value and a file that cannot be removed yet."""
    script = tmp_path / "program"
    script.write_text(PROGRAM.format(ok=tmp_path / "ok"))
    script.chmod(0o755)
    inside.good(
        *("credential", "add", "script", "--name=own"),
        *(f"--field=create={script}", f"--field=delete={script}"),
    )
    webroot = tmp_path / "webroot"
    (webroot / ".well-known/acme-challenge/the-token").mkdir(parents=True)
    asyncio.run(_leave(inside.home, script, webroot))
    return inside


def repair(tmp_path: Path) -> None:
    (tmp_path / "ok").touch()
    (tmp_path / "webroot/.well-known/acme-challenge/the-token").rmdir()


def test_it_is_told_at_the_first_command_and_not_at_the_next(left: Inside) -> None:
    told = left.run("renew")
    assert told.status == 0
    for what in (f"the TXT value the-value at {NAME}", "the-token may still exist"):
        assert what in told.stderr
    assert "the DNS is on holiday" in told.stderr
    again = left.run("renew")
    assert (again.status, again.stderr) == (0, "")
    assert "may still exist" not in again.stdout


def test_the_list_says_what_stands_where_and_why(left: Inside, tmp_path: Path) -> None:
    path = tmp_path / "webroot/.well-known/acme-challenge/the-token"
    before = left.good("leftover", "list")
    assert f"the TXT value the-value at {NAME}\n  of        a.example\n" in before
    assert "by the next run" in before
    left.run("renew")
    after = left.good("leftover", "list")
    assert "script, credential own" in after
    assert "tries     1, the first now" in after
    assert "the DNS is on holiday" in after
    value, file = json.loads(left.good("leftover", "list", "--json"))
    assert value["name"] == NAME
    assert value["value"] == "the-value"
    assert value["tries"] == 1
    assert value["next_try_at"] > value["since"]
    assert file["name"] == str(path)


def test_what_can_be_removed_again_is_removed_when_it_is_asked_for(
    left: Inside, tmp_path: Path
) -> None:
    left.run("renew")
    failed = left.run("leftover", "retry", "a.example")
    assert failed.status == 1
    assert "the DNS is on holiday" in failed.stderr
    repair(tmp_path)
    assert f"TXT {NAME} = the-value removed" in left.good("leftover", "retry")
    assert left.good("leftover", "list") == "nothing is left over\n"
    assert json.loads(left.good("leftover", "retry", "--json")) == {"left": []}


@pytest.mark.parametrize("name", ["a.example", NAME])
def test_what_is_dropped_is_named_and_never_tried_again(left: Inside, name: str) -> None:
    refused = left.run("leftover", "drop", name)
    assert refused.status == 2
    assert "add --yes" in refused.stderr
    dropped = left.good("leftover", "drop", name, "--yes")
    assert f"may still exist: the TXT value the-value at {NAME} (script)" in dropped
    assert left.run("renew").stderr.count("may still exist") == (name == NAME)  # the file's
    assert ("the-token" in dropped) == (name == "a.example")
    if name == NAME:
        left.good("leftover", "drop", "--all", "--yes")
    assert left.good("leftover", "list", "--json") == "[]\n"
    assert left.good("leftover", "drop", "--all", "--yes") == "nothing is left over\n"


def test_a_name_that_has_nothing_is_refused(left: Inside) -> None:
    for command in (("retry", "b.example"), ("drop", "b.example", "--yes")):
        result = left.run("leftover", *command)
        assert result.status == 2
        assert "there is no leftover of 'b.example'" in result.stderr
    assert left.run("leftover", "drop").status == 2
    assert left.run("leftover", "drop", NAME, "--all").status == 2


def test_nothing_is_dropped_of_a_certificate_that_is_worked_on(left: Inside) -> None:
    with Home(left.home).lock("a.example"):
        assert left.good("leftover", "list") == "nothing is left over\n"


def test_what_is_left_can_be_dropped_without_the_vault_key(left: Inside) -> None:
    left.run("renew")
    (left.home / "vault.key").unlink()
    assert NAME in left.good("leftover", "list")
    left.good("leftover", "drop", "--all", "--yes")
    assert left.good("leftover", "list") == "nothing is left over\n"


def test_a_changed_credential_is_tried_at_once(left: Inside, tmp_path: Path) -> None:
    left.run("renew")
    repair(tmp_path)
    assert NAME not in left.good("renew")
    left.good("credential", "set", "own", "--field=timeout=10")
    assert f"TXT {NAME} = the-value removed" in left.good("renew")


def test_removing_a_credential_says_that_values_of_it_are_left(left: Inside) -> None:
    warning = (
        f"zoneproof: warning: the TXT value the-value at {NAME} may still exist, published with"
        " own: a copy of its fields is kept to remove it; 'zoneproof leftover list' shows all"
    )
    at_terminal = run_at_terminal(
        ("credential", "remove", "own"),
        [("Remove the credential own and its secrets? [y/N]: ", "n")],
        {"ZONEPROOF_HOME": str(left.home)},
    )
    assert at_terminal.stdout.splitlines()[0] == warning
    removed = left.run("credential", "remove", "own", "--yes", "--json")
    assert removed.stderr == f"{warning}\n"
    (facts,) = json.loads(removed.stdout)["leftovers"]
    assert facts["name"] == NAME
    assert left.run("credential", "remove", "own", "--yes").status == 2
    left.good("credential", "add", "script", "--name=own", *BOTH)
    left.good("leftover", "drop", "--all", "--yes")
    assert left.run("credential", "remove", "own", "--yes").stderr == ""


def test_a_script_that_cannot_be_started_leaves_nothing(inside: Inside, tmp_path: Path) -> None:
    script = tmp_path / "no-program"
    script.write_bytes(b"\x7fELF\0")  # which only the attempt to run it shows
    script.chmod(0o755)
    inside.good(
        *("credential", "add", "script", "--name=own"),
        *(f"--field=create={script}", f"--field=delete={script}"),
    )
    result = inside.run("credential", "test", "own", "--zone=a.example")
    assert result.status == 1
    assert "cannot be run" in result.stdout
    assert "may still exist" not in result.stdout + result.stderr
    assert inside.good("leftover", "list") == "nothing is left over\n"


def test_what_it_remembers_of_a_failure_can_be_damaged(left: Inside) -> None:
    left.run("renew")
    with contextlib.closing(sqlite3.connect(left.home / "state.sqlite3")) as database:
        database.execute("UPDATE failed_removals SET since = 'x', next_try_at = '', tries = 'y'")
        database.commit()
    value, _ = json.loads(left.good("leftover", "list", "--json"))
    assert (value["value"], value["tries"]) == ("the-value", 0)
    assert left.run("renew").status == 0
    value, _ = json.loads(left.good("leftover", "list", "--json"))
    assert value["tries"] == 1
