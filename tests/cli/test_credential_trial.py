"""``zoneproof credential test`` on a real name server: what it writes, sees and takes out again."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Result
from tests.support.peers.knot import TSIG_SECRET, Knot
from tests.support.running_command import running_command
from tests.support.world import World, open_world, zone_text

NAME = "_zoneproof-test.example.com"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with open_world(folder, {"example.com": zone_text("example.com")}) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    """The same servers for all tests, and a home of its own for each, whose settings name them."""
    world = servers.at(tmp_path)
    world.write_settings()
    return world


def add(world: World, *changed: str, port: int | None = None) -> None:
    """Store the credential ``dns`` for the authoritative server, or the one at the port."""
    options = [
        f"--field=port={port}" if port and option.startswith("--field=port=") else option
        for option in world.rfc2136_options[2:]
    ]
    added = world.run(
        "credential", "add", "rfc2136", "--name=dns", "--field=server=127.0.0.1", *options
    )
    assert added.status == 0, added.stderr
    if changed:
        assert world.run("credential", "set", "dns", *changed).status == 0


def try_it(world: World, *arguments: str, zone: str = "example.com") -> Result:
    result = world.run("credential", "test", "dns", f"--zone={zone}", *arguments)
    assert TSIG_SECRET not in result.stdout + result.stderr
    assert "Traceback" not in result.stderr
    return result


def report(world: World, *arguments: str, zone: str = "example.com") -> dict[str, Any]:
    result = try_it(world, "--json", *arguments, zone=zone)
    assert result.stderr == ""
    found: dict[str, Any] = json.loads(result.stdout)
    assert result.status == (0 if found["ok"] else 1)
    return found


def steps(found: dict[str, Any]) -> list[tuple[str, bool]]:
    return [(step["step"], step["ok"]) for step in found["steps"]]


def test_a_value_is_written_seen_and_removed(world: World) -> None:
    add(world)
    found = report(world)
    assert steps(found) == [("write", True), ("see", True), ("remove", True)]
    assert (found["zone"], found["name"]) == ("example.com", NAME)
    assert found["steps"][1]["message"] == "1 name server asked"
    assert world.txt_values(NAME) == set()


def test_people_see_what_happens(world: World) -> None:
    add(world)
    result = try_it(world)
    assert result.status == 0
    assert re.search(rf"TXT {NAME} = [\w-]{{43}} published \(rfc2136\)", result.stdout)
    assert "DNS has the values at 1 name" in result.stdout
    assert re.search(rf"TXT {NAME} = [\w-]{{43}} removed", result.stdout)
    assert result.stdout.endswith("the credential dns works\n")


def test_a_wrong_key_is_told_and_leaves_nothing_to_clean(world: World) -> None:
    add(world, "--field=secret=d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmc=")
    found = report(world)
    assert steps(found) == [("write", False)]
    assert "BADSIG" in found["steps"][0]["message"]
    right = world.run("credential", "set", "dns", f"--field=secret={TSIG_SECRET}")
    assert right.status == 0
    again = try_it(world)
    assert again.status == 0
    assert "warning" not in again.stderr


def test_a_zone_that_the_server_refuses_is_told(world: World) -> None:
    add(world)
    found = report(world, zone="example.net")
    assert steps(found) == [("write", False)]
    assert "zone example.net" in found["steps"][0]["message"]
    result = try_it(world, zone="example.net")
    assert result.status == 1
    assert "write   FAILED: rfc2136 server 127.0.0.1" in result.stdout
    assert "does not work" in result.stdout


def test_a_server_that_cannot_be_reached_is_told_and_remembered(world: World) -> None:
    add(world, port=world.pebble.port)
    found = report(world)
    assert steps(found) == [("write", False), ("remove", False)]
    right = world.run("credential", "set", "dns", f"--field=port={world.knot.port}")
    assert right.status == 0
    again = try_it(world)
    assert again.stdout.count("removed (rfc2136)") == 2, (
        "the value that may have been written, and ours"
    )


def test_a_value_that_never_appears_is_told_at_the_deadline(world: World, tmp_path: Path) -> None:
    """The server that takes the update is not the one that the zone's NS record names."""
    zones = {"example.com": zone_text("example.com")}
    with Knot(tmp_path / "hidden", zones) as hidden:
        add(world, "--propagation-timeout=2", port=hidden.port)
        found = report(world)
        assert steps(found) == [("write", True), ("see", False), ("remove", True)]
        expected = r"after 2 s ns1\.example\.com \(127\.0\.0\.1\) still lacks the TXT value"
        assert re.search(expected, found["steps"][1]["message"])
        there = World(world.folder, hidden, world.unbound, world.pebble)
        assert there.txt_values(NAME) == set()


def test_a_fixed_wait_is_obeyed_without_asking(world: World) -> None:
    add(world, "--propagation=0")
    found = report(world)
    assert found["ok"]
    assert found["steps"][1]["message"] == "waited 0 s without asking, as the settings say"
    overruled = report(world, "--propagation=authoritative")
    assert overruled["steps"][1]["message"] == "1 name server asked"


def test_the_zone_must_be_said_where_it_cannot_be_listed(world: World) -> None:
    add(world)
    for arguments in (["--zone="], ["--zone=", "--read-only"]):
        result = world.run("credential", "test", "dns", *arguments)
        assert result.status == 2
        assert "(rfc2136) does not list zones" in result.stderr
    both = try_it(world, "--read-only")
    assert both.status == 2
    wrong = try_it(world, zone="exa mple.com")
    assert wrong.status == 2
    assert "'exa mple.com' is not a domain name" in wrong.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_test_removes_its_value(world: World, number: signal.Signals) -> None:
    add(world, "--propagation=600")
    command = ("credential", "test", "dns", "--zone=example.com")
    with running_command(world.environment(), *command) as process:
        for line in process.stdout:
            if "published" in line:
                break
        assert len(world.txt_values(NAME)) == 1
        process.send_signal(number)
        rest = process.stdout.read()
        assert process.wait(30) == 130
    assert "removed" in rest
    assert world.txt_values(NAME) == set()


def killing_script(world: World, folder: Path) -> list[str]:
    """Return fields of a script that adds the record and, the first time, kills its parent."""
    create, delete = folder / "create", folder / "delete"
    change = f"{sys.executable} -m tests.support.change_txt {world.knot.port}"
    kill = f'[ -e {folder}/killed ] || {{ touch {folder}/killed; kill -9 "$PPID"; }}'
    head = f"#!/bin/sh\ncd {Path.cwd()}\n"
    create.write_text(f'{head}{change} add "$2" "$3"\n{kill}\n')
    delete.write_text(f'{head}{change} remove "$2" "$3"\n')
    for script in (create, delete):
        script.chmod(0o755)
    return [f"--field=create={create}", f"--field=delete={delete}"]


def test_a_script_is_run_and_what_a_killed_test_left_is_removed_by_the_next(
    world: World, tmp_path: Path
) -> None:
    fields = killing_script(world, tmp_path)
    assert world.run("credential", "add", "script", "--name=dns", *fields).status == 0
    assert try_it(world).status == -signal.SIGKILL
    assert len(world.txt_values(NAME)) == 1
    again = try_it(world)
    assert again.status == 0, again.stdout
    assert again.stdout.count("removed (script)") == 2
    assert world.txt_values(NAME) == set()


def test_what_a_killed_test_left_is_removed_by_the_next_order(world: World, tmp_path: Path) -> None:
    fields = killing_script(world, tmp_path)
    assert world.run("credential", "add", "script", "--name=dns", *fields).status == 0
    assert try_it(world).status == -signal.SIGKILL
    issued = world.run("issue", "example.com", "--credential=dns", *world.ca_options)
    assert issued.status == 0, issued.stderr
    assert world.txt_values(NAME) == set()


def test_a_failing_script_s_last_words_are_told(world: World, tmp_path: Path) -> None:
    script = tmp_path / "fails"
    script.write_text("#!/bin/sh\necho 'no such zone' >&2\nexit 3\n")
    script.chmod(0o755)
    fields = [f"--field=create={script}", f"--field=delete={script}"]
    assert world.run("credential", "add", "script", "--name=dns", *fields).status == 0
    found = report(world)
    assert steps(found) == [("write", False), ("remove", False)]
    assert "no such zone" in found["steps"][0]["message"]


def test_by_hand_there_is_nothing_to_test(world: World) -> None:
    assert world.run("credential", "add", "manual", "--name=dns").status == 0
    result = world.run("credential", "test", "dns")
    assert (result.status, result.stderr) == (0, "")
    assert "nothing to test" in result.stdout
