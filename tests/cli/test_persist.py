"""dns-persist-01 with a real CA: a TXT record that is created once, and that stays."""

from __future__ import annotations

import json
import time

import pytest

from tests.support.change_txt import change
from tests.support.world import World

NAMES = ("persist.example.com", "*.persist.example.com")
PLACE = "_validation-persist.persist.example.com"


def value_in(text: str) -> str:
    """Return the value of the only record that a command prints."""
    (line,) = {line.strip() for line in text.splitlines() if " IN TXT " in line}
    name, rest = line.split(" 3600 IN TXT ")
    assert name == f"{PLACE}."
    return rest.strip('"')


def test_a_person_creates_the_record_once_and_renewals_need_nobody(world: World) -> None:
    first = world.run("issue", *NAMES, "--persist", *world.ca_options)
    assert first.status == 3
    assert "create this TXT record in your DNS, once: it stays" in first.stderr
    value = value_in(first.stdout)
    assert value.startswith("pebble.letsencrypt.org; accounturi=https://127.0.0.1:")
    assert value.endswith("; policy=wildcard")
    before = world.run("preview", NAMES[0])
    assert before.status == 1
    assert value_in(before.stdout) == value
    change(world.knot.port, PLACE, value)
    world.good("preview", NAMES[0])
    world.good("resume", NAMES[0])
    world.good("renew", NAMES[0], "--force")
    assert world.txt_values(PLACE) == {value}
    change(world.knot.port, PLACE, value, remove=True)
    again = world.run("renew", NAMES[0], "--force")
    assert again.status == 3
    assert value_in(again.stdout) == value


def test_a_provider_creates_the_record_and_leaves_it_there(world: World) -> None:
    world.good("issue", *NAMES, "--persist", *world.rfc2136_options, *world.ca_options)
    (value,) = world.txt_values(PLACE)
    assert world.good("leftover", "list").strip() == "nothing is left over"
    world.good("renew", NAMES[0], "--force", "--json")
    assert world.txt_values(PLACE) == {value}
    change(world.knot.port, PLACE, value, remove=True)


def test_a_record_that_is_not_enough_is_told_with_what_is_wrong(world: World) -> None:
    world.good("issue", NAMES[0], "--persist", *world.rfc2136_options, *world.ca_options)
    (value,) = world.txt_values(PLACE)
    world.good("edit", NAMES[0], "--add-name", NAMES[1], "--persist")
    found = world.run("preview", NAMES[0])
    assert "is missing (one is there, but it lacks policy=wildcard): create it once" in found.stdout
    assert value_in(found.stdout) == f"{value}; policy=wildcard"
    change(world.knot.port, PLACE, value, remove=True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("192.0.2.1", "--persist"), "192.0.2.1 is an IP address"),
        ((NAMES[0], "--persist", "--webroot", "/srv"), "choose one way to validate"),
        ((NAMES[0], "--persist", "--delegation", "a.example:b.example"), "'delegation' does not"),
        (
            (
                NAMES[0],
                "--persist",
                "--provider",
                "acme-dns",
                "--field",
                "server=https://a.example",
            ),
            "acme-dns can hold values of dns-01 only",
        ),
    ],
)
def test_what_cannot_be_is_refused_before_the_ca_is_asked(
    world: World, arguments: tuple[str, ...], told: str
) -> None:
    result = world.run("issue", *arguments, "--ca", "https://127.0.0.1:1/")
    assert result.status == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1


def test_the_end_of_a_record_is_told_before_it_comes(world: World) -> None:
    world.good("issue", NAMES[0], "--persist", *world.rfc2136_options, *world.ca_options)
    (value,) = world.txt_values(PLACE)
    change(world.knot.port, PLACE, value, remove=True)
    ending = f"{value}; persistUntil=4102444800"
    change(world.knot.port, PLACE, ending)
    told = world.good("preview", NAMES[0])
    assert f"note: the TXT record at {PLACE} is there, seen at ns1.example.com" in told
    assert "note: it ends 2100-01-01 00:00 UTC (in " in told
    world.good("renew", NAMES[0], "--force")
    assert world.txt_values(PLACE) == {ending}
    change(world.knot.port, PLACE, ending, remove=True)


def test_programs_learn_of_the_record(world: World) -> None:
    world.run("issue", *NAMES, "--persist", *world.ca_options)
    document = json.loads(world.run("preview", NAMES[0], "--json").stdout)
    (record,) = document["records"]
    assert record.startswith(f"{PLACE}. 3600 IN TXT ")


def test_where_no_name_server_can_be_asked_the_resolver_is(world: World) -> None:
    world.good("issue", NAMES[0], "--persist", *world.rfc2136_options, *world.ca_options)
    settings = f'dns.resolvers = ["127.0.0.1:{world.unbound.port}"]\n'  # authoritative at port 53
    (world.home / "settings.toml").write_text(settings)
    world.good("edit", NAMES[0], "--persist")  # by hand from now on
    world.good("renew", NAMES[0], "--force")
    (value,) = world.txt_values(PLACE)
    change(world.knot.port, PLACE, value, remove=True)


def test_a_record_that_allows_more_than_was_asked_for_is_seen(world: World) -> None:
    asked = world.run("issue", NAMES[0], "--persist", *world.ca_options)
    wider = f"{value_in(asked.stdout)};policy=wildcard; persistUntil=4102444800"
    change(world.knot.port, PLACE, wider)
    world.good("preview", NAMES[0])
    resumed = world.good("resume", NAMES[0])
    assert "seen at ns1.example.com" in resumed
    assert "missing" not in resumed
    change(world.knot.port, PLACE, wider, remove=True)


def test_a_record_that_is_to_end_is_warned_of_and_one_that_has_is_not_replaced(
    world: World,
) -> None:
    world.good("issue", NAMES[0], "--persist", *world.rfc2136_options, *world.ca_options)
    (value,) = world.txt_values(PLACE)
    change(world.knot.port, PLACE, value, remove=True)
    soon = f"{value}; persistUntil={int(time.time()) + 100_000}"
    change(world.knot.port, PLACE, soon)
    warned = world.run("renew", NAMES[0], "--force")
    assert "by its persistUntil: replace it before then" in warned.stdout + warned.stderr
    change(world.knot.port, PLACE, soon, remove=True)
    ended = f"{value}; persistUntil=1700000000"
    change(world.knot.port, PLACE, ended)
    refused = world.run("renew", NAMES[0], "--force")
    assert refused.status == 3
    assert "its persistUntil has passed" in refused.stdout + refused.stderr
    assert world.txt_values(PLACE) == {ended}
    change(world.knot.port, PLACE, ended, remove=True)


def test_a_provider_is_not_asked_while_the_record_is_there(world: World) -> None:
    world.good("issue", NAMES[0], "--persist", *world.rfc2136_options, *world.ca_options)
    (value,) = world.txt_values(PLACE)
    gone = ("--provider", "powerdns", "--field", "server=http://127.0.0.1:1", "--field", "key=x")
    world.good("edit", NAMES[0], "--persist", *gone)
    world.good("preview", NAMES[0])
    world.good("renew", NAMES[0], "--force")
    change(world.knot.port, PLACE, value, remove=True)
    assert "PowerDNS" in world.run("renew", NAMES[0], "--force").stderr


def test_an_order_that_waits_does_not_go_on_without_the_record_where_only_the_resolver_is_asked(
    world: World,
) -> None:
    settings = f'dns.resolvers = ["127.0.0.1:{world.unbound.port}"]\n'  # authoritative at port 53
    (world.home / "settings.toml").write_text(settings)
    name = "resolved.example.com"
    assert world.run("issue", name, "--persist", *world.ca_options).status == 3
    assert world.run("resume", name).status == 3
    (world.home / "settings.toml").write_text('dns.resolvers = ["127.0.0.1:1"]\n')
    assert world.run("resume", name).status == 1


def test_what_an_order_asked_for_before_it_was_changed_is_not_asked_for(world: World) -> None:
    world.run("issue", *NAMES, "--persist", *world.ca_options)
    world.good("edit", NAMES[0], "--remove-name", NAMES[1])
    value = value_in(world.run("preview", NAMES[0]).stdout)
    assert "policy=wildcard" not in value


def test_one_of_two_methods_of_a_name_has_the_record_made(world: World) -> None:
    _, server, *fields = world.rfc2136_options
    server = server.replace("--server=", "--field=server=")
    world.good("credential", "add", "rfc2136", "--name=dns", server, *fields)
    methods = [
        f'match="{NAMES[0]}", challenge="dns-persist-01", provider="manual"',
        'challenge="dns-persist-01", credential="dns"',
    ]
    options = [f"--method={one}" for one in methods]
    world.good("issue", *NAMES, *options, *world.ca_options)
    (value,) = world.txt_values(PLACE)
    assert value.endswith("; policy=wildcard")
    change(world.knot.port, PLACE, value, remove=True)


def test_the_record_of_a_removed_certificate_is_named(world: World) -> None:
    world.good("add", *NAMES, "--persist")
    removed = world.run("remove", NAMES[0], "--yes")
    assert removed.status == 0
    assert f"the TXT record at {PLACE} stays, and lets the account obtain" in removed.stderr


def test_a_fallback_account_is_said_to_need_a_record_of_its_own(world: World) -> None:
    world.good("add", *NAMES, "--persist", "--fallback-account", "letsencrypt-staging")
    told = world.run("preview", NAMES[0], *world.ca_options).stdout
    assert (
        f"the fallback account letsencrypt-staging needs a TXT record of its own at {PLACE}" in told
    )
