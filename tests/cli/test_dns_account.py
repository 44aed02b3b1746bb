"""dns-account-01 with a real CA: each account validates at a name of its own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.change_txt import change
from tests.support.world import World
from zoneproof.challenges.dns_account01 import account_label

NAMES = ("account.example.com", "*.account.example.com")


def account_url(world: World) -> str:
    """Return the URL of the home's only account."""
    (account,) = json.loads(world.good("account", "list", "--json"))
    return str(account["account_url"])


def published(output: str) -> set[str]:
    """Return the names at which ``--json`` says that values were published."""
    events = [json.loads(line) for line in output.splitlines()]
    return {one["name"] for one in events if one.get("event") == "record_published"}


def test_values_are_published_at_the_name_of_the_account_and_removed(world: World) -> None:
    issued = world.good(
        "issue", *NAMES, "--dns-account", *world.rfc2136_options, *world.ca_options, "--json"
    )
    place = f"{account_label(account_url(world))}.{NAMES[0]}"
    assert published(issued) == {place}
    assert world.txt_values(place) == set()
    renewed = world.good("renew", NAMES[0], "--force", "--json")
    assert published(renewed) <= {place}


def test_two_homes_with_an_account_each_have_names_of_their_own(
    world: World, servers: World, tmp_path: Path
) -> None:
    other = servers.at(tmp_path / "other")
    other.write_settings()
    seen = set()
    for one in (world, other):
        issued = one.good(
            "issue",
            "two.example.com",
            "--dns-account",
            *one.rfc2136_options,
            *one.ca_options,
            "--json",
        )
        seen |= published(issued)
    assert len(seen) == 2


def test_a_person_creates_the_record_of_the_account(world: World) -> None:
    name = "manual.example.com"
    asked = world.run("issue", name, "--dns-account", "--provider=manual", *world.ca_options)
    assert asked.status == 3
    (record,) = {one.strip() for one in asked.stdout.splitlines() if " IN TXT " in one}
    assert record.startswith(f"{account_label(account_url(world))}.{name}. ")
    place, _, value = record.partition(". 60 IN TXT ")
    change(world.knot.port, place, value.strip('"'))
    world.good("resume", name)
    change(world.knot.port, place, value.strip('"'), remove=True)


def test_a_preview_tells_the_name_as_soon_as_there_is_an_account(world: World) -> None:
    options = ("unborn.example.com", "--dns-account", *world.rfc2136_options, *world.ca_options)
    before = world.run("preview", *options)
    assert before.status == 0, before.stdout + before.stderr
    assert "the challenge names of dns-account-01 depend on the account" in before.stdout
    world.good("account", "register", "--ca", world.pebble.directory_url, *world.ca_options[1:])
    after = world.good("preview", *options)
    assert f"{account_label(account_url(world))}.unborn.example.com" in after


def test_it_stays_until_it_is_taken_back(world: World) -> None:
    name = "stays.example.com"
    fields = ("--field=server=127.0.0.1", *world.rfc2136_options[2:])
    world.good("credential", "add", "rfc2136", "--name", "dns", *fields)
    world.good("add", name, "--dns-account", "--credential=dns")
    world.good("edit", name, "--ttl=120")
    world.good("edit", name, "--provider=manual")
    method = json.loads(world.good("show", name, "--json"))["definition"]["method"][0]
    assert method == {"challenge": "dns-account-01", "provider": "manual", "ttl": 120}
    world.good("edit", name, "--no-dns-account")
    method = json.loads(world.good("show", name, "--json"))["definition"]["method"][0]
    assert method == {"provider": "manual", "ttl": 120}
    world.good("edit", name, "--dns-account")
    method = json.loads(world.good("show", name, "--json"))["definition"]["method"][0]
    assert method == {"challenge": "dns-account-01", "provider": "manual", "ttl": 120}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--persist",), "--dns-account is for values that a DNS provider writes"),
        (("--webroot=/srv",), "--dns-account is for values that a DNS provider writes"),
        (('--method=provider="manual"',), "--method defines a whole method"),
        ((), "say how no.example.com is validated"),
    ],
)
def test_what_makes_no_sense_with_it_is_refused(
    world: World, options: tuple[str, ...], told: str
) -> None:
    refused = world.run("issue", "no.example.com", "--dns-account", *options, *world.ca_options)
    assert refused.status == 2
    assert told in refused.stderr
