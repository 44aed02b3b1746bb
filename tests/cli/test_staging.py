"""Dry runs and test certificates: at a staging directory, beside what production has."""

from __future__ import annotations

import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.managing import CHALLENGE, add_broken, issue, leaf
from tests.support.command import Result
from tests.support.world import World, open_world, zone_text
from zoneproof.acme import KNOWN
from zoneproof.testing.pebble import Pebble

_MOVING = ("log", "renew_at")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Pebble]]:
    folder = tmp_path_factory.mktemp("world")
    zones = {"example.com": zone_text("example.com"), "example.net": zone_text("example.net")}
    with open_world(folder, zones) as world:
        staging = Pebble(
            folder / "staging",
            dns_server=f"127.0.0.1:{world.unbound.port}",
            strict=True,
        )
        with staging:
            both = world.pebble.ca_bundle.read_bytes() + staging.ca_bundle.read_bytes()
            world.pebble.ca_bundle.write_bytes(both)
            yield world, staging


@pytest.fixture
def world(servers: tuple[World, Pebble], tmp_path: Path) -> World:
    """A home whose settings name the staging directory that the test CA itself does not have."""
    shared, staging = servers
    world = shared.at(tmp_path)
    world.write_settings(f'staging_account = "{staging.directory_url}"')
    return world


@pytest.fixture
def plain(servers: tuple[World, Pebble], tmp_path: Path) -> World:
    """A home for which there is no staging directory."""
    shared, _ = servers
    world = shared.at(tmp_path)
    world.write_settings()
    return world


def run_issue(world: World, *arguments: str) -> Result:
    return world.run("issue", *world.rfc2136_options, *world.ca_options, *arguments)


def kept(world: World) -> set[str]:
    """Return what the home holds besides logs, locks, the database and its key."""
    return {path.name for path in world.home.iterdir() if path.is_dir()} - {"locks", "logs"}


def state(world: World, name: str) -> dict[str, object]:
    """Return what is known of a certificate, without its log and the moment of the look."""
    return {key: value for key, value in world.shown(name).items() if key not in _MOVING}


def test_every_ca_s_staging_is_a_ca_and_is_its_own() -> None:
    for ca in KNOWN.values():
        assert not ca.staging or KNOWN[ca.staging].staging == ca.staging


def test_a_dry_run_orders_from_staging_and_keeps_nothing(world: World) -> None:
    result = run_issue(world, "example.com", "*.example.com", "--dry-run")
    assert result.status == 0, result.stderr
    assert "certificate issued by" in result.stdout
    assert "the dry run worked" in result.stdout
    assert "nothing of it is kept" in result.stdout
    assert world.txt_values(CHALLENGE) == set()
    assert world.run("list", "--json").stdout == "[]\n"
    assert world.run("credential", "list", "--json").stdout == "[]\n"
    assert world.run("history", "example.com").status == 2
    (account,) = json.loads(world.run("account", "list", "--json").stdout)
    assert account["ca"] != world.pebble.directory_url
    assert kept(world) == set()


def test_a_dry_run_tells_programs_what_came_of_it(world: World) -> None:
    result = run_issue(world, "example.com", "--dry-run", "--json")
    assert result.status == 0, result.stdout
    assert "files_written" not in result.event_names
    assert result.event("dry_run")["names"] == ["example.com"]


def test_a_dry_run_that_fails_exits_with_1_and_is_no_failure_of_the_certificate(
    world: World,
) -> None:
    add_broken(world, "example.com")
    result = world.run("issue", "example.com", "--dry-run", *world.ca_options[1:])
    assert result.status == 1
    assert "it closed the connection without an answer" in result.stderr
    assert world.shown("example.com")["failures"] == 0
    assert world.run("history", "example.com").stdout == "nothing has happened to it yet\n"


def test_a_dry_run_waits_for_a_person_with_3_and_continues_with_the_same_order(
    world: World,
) -> None:
    manual = ("issue", "m.example.com", "--provider=manual", "--dry-run", *world.ca_options)
    first, again = world.run(*manual, "--json"), world.run(*manual, "--json")
    assert (first.status, again.status) == (3, 3)
    assert "then run this again" in first.event("error")["message"]
    assert first.event("error")["records"] == again.event("error")["records"]
    assert "order_resumed" in again.event_names
    assert world.run("list", "--json").stdout == "[]\n"


@pytest.mark.parametrize("event", ["record_published", "certificate_issued"])
def test_what_a_killed_dry_run_left_in_the_dns_goes_with_the_next_command(
    world: World, event: str
) -> None:
    name = "example.com"
    options = [*world.rfc2136_options, *world.ca_options]
    command = (event, "issue", name, *options, "--dry-run", "--json")
    done = world.run(*command, module="tests.cli.crash_at")
    assert done.status == -signal.SIGKILL, done.stderr
    renewed = world.run("renew")
    assert renewed.status == 0, renewed.stderr
    assert world.txt_values(f"_acme-challenge.{name}") == set()
    assert world.run("list", "--json").stdout == "[]\n"
    again = run_issue(world, name, "--dry-run", "--json")
    assert again.status == 0, again.stdout
    with closing(sqlite3.connect(world.home / "state.sqlite3")) as database:
        orders = database.execute("SELECT state, private_key FROM orders").fetchall()
    assert orders
    assert all(state != "open" and key is None for state, key in orders)


def test_without_a_staging_directory_a_dry_run_is_a_preview_and_says_so(plain: World) -> None:
    result = run_issue(plain, "example.com", "--dry-run")
    assert result.status == 0, result.stderr
    assert "has no staging directory for a dry run: only a preview is possible" in result.stdout
    assert "Issuing it would work" in result.stdout
    broken = run_issue(plain, "nowhere.example.org", "--dry-run", "--json")
    assert broken.status == 1
    assert broken.event("preview")["would_fail"]
    assert plain.run("list", "--json").stdout == "[]\n"


def test_staging_obtains_a_test_certificate_beside_the_one_in_use(world: World) -> None:
    issue(world, "example.com")
    before, serial = world.shown("example.com"), leaf(world, "example.com").serial_number
    result = world.run("issue", "example.com", "--staging", *world.ca_options[1:])
    assert result.status == 0, result.stderr
    assert "a test certificate" in result.stdout
    assert world.shown("example.com") == before
    assert leaf(world, "example.com").serial_number == serial
    assert leaf(world, "example.com-staging").serial_number != serial
    assert leaf(world, "example.com-staging").issuer != leaf(world, "example.com").issuer
    test = world.shown("example.com-staging")
    assert test["status"] == "not renewed"
    assert test["definition"]["account"] != world.pebble.directory_url
    assert world.run("renew", "--json").event_names == ["renewal"]

    removed = world.run("remove", "example.com-staging", "--delete-files", "--yes")
    assert removed.status == 0, removed.stderr
    assert leaf(world, "example.com").serial_number == serial


def test_a_new_name_can_be_tested_at_staging_first_and_obtained_then(world: World) -> None:
    tested = run_issue(world, "-d", "example.com", "--staging")
    assert tested.status == 0, tested.stderr
    assert [one["name"] for one in json.loads(world.run("list", "--json").stdout)] == [
        "example.com-staging"
    ]
    issue(world, "-d", "example.com")
    assert leaf(world, "example.com").issuer != leaf(world, "example.com-staging").issuer


def test_a_test_is_obtained_anew_each_time_and_is_its_own_test(world: World) -> None:
    for name in ("example.com", "example.com", "example.com-staging"):
        result = run_issue(world, "example.com", "--name", name, "--staging")
        assert result.status == 0, result.stderr
    link = world.home / "live/example.com-staging/cert.pem"
    assert link.resolve().name == "cert3.pem"
    assert not (world.home / "live/example.com-staging-staging").exists()


def test_no_test_takes_the_place_of_a_certificate_that_is_none(world: World) -> None:
    issue(world, "example.com", "--name", "example.com-staging")
    serial = leaf(world, "example.com-staging").serial_number
    result = run_issue(world, "example.com", "--name", "example.com", "--staging")
    assert result.status == 2
    assert "example.com-staging already exists, and is not a test" in result.stderr
    assert leaf(world, "example.com-staging").serial_number == serial


def test_files_that_nobody_manages_stay_until_somebody_says_so(world: World) -> None:
    assert run_issue(world, "example.com", "--staging").status == 0
    assert world.run("remove", "example.com-staging", "--yes").status == 0
    refused = run_issue(world, "example.com", "--staging")
    assert refused.status == 2
    assert "'zoneproof remove example.com-staging --delete-files' deletes it" in refused.stderr
    assert world.run("remove", "example.com-staging", "--delete-files", "--yes").status == 0
    assert run_issue(world, "example.com", "--staging").status == 0


def test_without_a_staging_directory_staging_is_refused(plain: World) -> None:
    result = run_issue(plain, "example.com", "--staging")
    assert result.status == 2
    assert "has no staging directory" in result.stderr
    assert plain.run("list", "--json").stdout == "[]\n"


def test_renewals_are_tried_due_or_not_and_nothing_changes(world: World) -> None:
    issue(world, "example.com")
    add_broken(world, "www.example.com")
    names = ("example.com", "www.example.com")
    before = [state(world, name) for name in names]
    result = world.run("renew", "--dry-run", *world.ca_options[1:])
    assert result.status == 1
    assert "example.com: tested (" in result.stdout
    assert "www.example.com: failed" in result.stderr
    assert "2 certificates: 1 tested, 1 failed" in result.stdout
    assert [state(world, name) for name in names] == before
    assert world.run("renew", "example.com", "--dry-run", *world.ca_options[1:]).status == 0


def test_renew_at_staging_obtains_test_certificates(world: World) -> None:
    issue(world, "example.com")
    serial = leaf(world, "example.com").serial_number
    result = world.run("renew", "--staging", "--json", *world.ca_options[1:])
    assert result.status == 0, result.stdout
    assert result.event("renewal")["result"] == "tested"
    assert leaf(world, "example.com").serial_number == serial
    assert leaf(world, "example.com-staging").serial_number != serial


def test_renewals_that_can_only_be_previewed_are(plain: World) -> None:
    issue(plain, "example.com")
    result = plain.run("renew", "--dry-run", "--json")
    assert result.status == 0, result.stdout
    assert "has no staging directory" in result.event("renewal")["reason"]
    add = plain.run("add", "nowhere.example.org", *plain.rfc2136_options, plain.ca_options[0])
    assert add.status == 0, add.stderr
    failed = plain.run("renew", "nowhere.example.org", "--dry-run")
    assert failed.status == 1
    assert "zoneproof preview nowhere.example.org" in failed.stderr


def test_another_ca_s_terms_have_to_be_agreed_to(world: World) -> None:
    issue(world, "example.com")
    result = world.run("issue", "example.com", "--dry-run", world.ca_options[1])
    assert result.status == 1
    assert "--agree-tos" in result.stderr
