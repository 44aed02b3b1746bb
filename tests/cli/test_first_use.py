"""The first certificate of an empty home: what pauses before the order, resume, renew."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.managing import leaf
from tests.cli.terminal import run_at_terminal
from tests.support.challenge_service import challenge_command
from tests.support.change_txt import change_record
from tests.support.command import Result
from tests.support.world import World, open_world, zone_text
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

ADDRESS = "127.0.0.2"
EMAIL = "admin@example.com"
SERVICE = """
[dns]
listen = ["{address}:{port}"]
workers = 1
[api]
listen = ["{address}:{api_port}"]
open_registration = false
[service]
user = "root"
[[zones]]
name = "auth.example.net"
nameservers = ["ns1.auth.example.net"]
hostmaster = "hostmaster@example.net"
records = "ns1 A {address}"
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, str]]:
    """A CA, name servers, and a challenge service that registers with a licence key."""
    folder = tmp_path_factory.mktemp("world")
    port, api_port = free_port("0.0.0.0"), free_port(ADDRESS)
    config = folder / "zoneproof.toml"
    config.write_text(SERVICE.format(address=ADDRESS, port=port, api_port=api_port))
    command = [sys.executable, "-m", "zoneproof", "challenge", "serve", "--config", str(config)]
    stubs = {"auth.example.net": [f"{ADDRESS}@{port}"]}
    with (
        open_world(
            folder, {"example.com": zone_text("example.com")}, stubs=stubs, port=port
        ) as world,
        BackgroundServer("the challenge service", command, "challenge service ready"),
    ):
        assert challenge_command(config, "tenant", "create", "team").status == 0
        made = challenge_command(config, "key", "create", "team", "--json")
        key = json.loads(made.stdout)["key"]
        yield world, f"http://team:{key}@{ADDRESS}:{api_port}"


@pytest.fixture
def world(servers: tuple[World, str], tmp_path: Path) -> World:
    """An empty home; only whom to ask is said in its settings."""
    world, _ = servers
    world = world.at(tmp_path)
    world.write_settings()
    return world


@pytest.fixture
def first_use(servers: tuple[World, str], world: World) -> list[str]:
    """What a person types first, without agreeing to anything."""
    agree = [option for option in world.ca_options if option != "--agree-tos"]
    server = f"--server={servers[1]}"
    return ["issue", "--provider=acme-dns", server, f"--email={EMAIL}", *agree]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """A name that no other test has registered or delegated."""
    return f"{re.sub('[^a-z]+', '-', request.node.name.lower())[5:45].strip('-')}.example.com"


def record_in(result: Result) -> str:
    found = re.search(r"\S*_acme-challenge\.\S+ IN CNAME \S+", result.stdout)
    assert found, result.stdout + result.stderr
    return found[0]


def is_registered(world: World) -> bool:
    (account,) = json.loads(world.run("account", "list", "--json").stdout)
    assert account["contact"] == [f"mailto:{EMAIL}"]
    assert account["ca_bundle"] == str(world.pebble.ca_bundle)
    return bool(account["registered"])


def test_register_cname_resume_renew_with_nobody_at_the_keyboard(
    world: World, first_use: list[str], name: str
) -> None:
    paused = world.run(*first_use, "--agree-tos", name, f"*.{name}")
    assert paused.status == 3, paused.stdout + paused.stderr
    assert f"then run 'zoneproof resume {name}'" in paused.stderr
    assert is_registered(world)
    assert world.run("renew").status == 3  # nothing was created yet

    change_record(world.knot.port, record_in(paused))
    resumed = world.run("resume", name)
    assert resumed.status == 0, resumed.stdout + resumed.stderr
    first = leaf(world, name)
    renewed = world.run("renew", "--force")
    assert renewed.status == 0, renewed.stdout + renewed.stderr
    assert leaf(world, name).serial_number != first.serial_number


def test_renew_alone_obtains_it_once_the_cname_is_there(
    world: World, first_use: list[str], name: str
) -> None:
    paused = world.run(*first_use, "--agree-tos", name)
    change_record(world.knot.port, record_in(paused))
    renewed = world.run("renew")
    assert renewed.status == 0, renewed.stdout + renewed.stderr
    assert f"{name}: renewed" in renewed.stdout


def test_register_cname_resume_renew_at_a_terminal(
    world: World, first_use: list[str], name: str
) -> None:
    environment = world.environment() | {"TERM": "dumb"}
    later = ("press Enter when it exists", "\x03")  # Ctrl-C
    paused = run_at_terminal([*first_use, name], [("do you agree", "y"), later], environment)
    assert paused.status == 3, paused.stdout
    assert is_registered(world)
    change_record(world.knot.port, record_in(paused))
    for command in (["resume", name], ["renew", "--force", name]):
        result = run_at_terminal(command, [], environment)
        assert result.status == 0, result.stdout


def test_who_waits_at_the_terminal_needs_no_second_command(
    world: World, first_use: list[str], name: str
) -> None:
    registered = world.run("registration", "add", name, first_use[2])
    change_record(world.knot.port, record_in(registered))
    environment = world.environment() | {"TERM": "dumb"}
    result = run_at_terminal([*first_use, name], [("do you agree", "y")], environment)
    assert result.status == 0, result.stdout


def test_who_does_not_agree_has_made_nothing(world: World, first_use: list[str], name: str) -> None:
    refused = world.run(*first_use, name)
    assert refused.status == 1
    assert "add --agree-tos" in refused.stderr
    assert json.loads(world.run("list", "--json").stdout) == []
    assert json.loads(world.run("registration", "list", "--json").stdout) == []


def test_a_resume_that_fails_can_be_repeated(world: World, first_use: list[str], name: str) -> None:
    paused = world.run(*first_use, "--agree-tos", name)
    record = record_in(paused)
    assert world.run("resume", name).status == 3
    change_record(world.knot.port, record)
    nobody = f"--resolver=127.0.0.1:{free_port()}"
    failed = world.run("resume", name, nobody)
    assert failed.status == 1, failed.stdout + failed.stderr
    again = world.run("resume", name)
    assert again.status == 0, again.stdout + again.stderr
    assert world.shown(name)["status"] == "valid"


def test_a_missing_cname_of_a_delegation_rule_pauses_with_the_account_registered(
    world: World, name: str
) -> None:
    options = [*world.rfc2136_options, *world.ca_options, f"--email={EMAIL}"]
    rule = f"--delegation={name}:acme.example.com"
    paused = world.run("issue", *options, rule, name)
    assert paused.status == 3, paused.stdout + paused.stderr
    assert is_registered(world)
    change_record(world.knot.port, record_in(paused))
    resumed = world.run("resume", name)
    assert resumed.status == 0, resumed.stdout + resumed.stderr


def test_two_homes_validate_one_name_through_a_cname_each(
    servers: tuple[World, str], first_use: list[str], name: str, tmp_path: Path
) -> None:
    homes = [servers[0].at(tmp_path / which) for which in ("one", "other")]
    records = set()
    for home in homes:
        home.write_settings()
        paused = home.run(*first_use, "--agree-tos", "--dns-account", name)
        assert paused.status == 3, paused.stdout + paused.stderr
        record = record_in(paused)
        assert re.match(rf"_[a-z2-7]{{16}}\._acme-challenge\.{name}\. IN CNAME", record)
        change_record(home.knot.port, record)
        records.add(record)
    for home in homes:
        assert home.run("resume", name).status == 0
        assert home.run("renew", "--force", name).status == 0
    assert len(records) == 2
