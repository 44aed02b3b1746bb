"""Providers are recognised by the name servers of a zone, and what to type is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Result
from tests.support.made_up import GOOD_TOKEN, run
from tests.support.world import World, open_world, zone_text


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    zones = {
        "example.com": zone_text("example.com"),
        "example.net": zone_text("example.net"),
        "example.org": zone_text("example.org", "_acme-challenge.www CNAME www.auth.example.net."),
    }
    with open_world(tmp_path_factory.mktemp("world"), zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    world = servers.at(tmp_path)
    world.write_settings()
    return world


def refused(result: Result) -> str:
    assert result.status == 2, result.stdout
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


@pytest.mark.parametrize("command", ["issue", "preview", "add"])
def test_who_does_not_say_how_is_told_where_the_zone_is(world: World, command: str) -> None:
    assert refused(run(world.home, command, "www.example.com")) == (
        "zoneproof: say how www.example.com is validated: example.com is at Made-Up DNS or Keyless"
        " One (its name server is ns1.example.com): 'zoneproof credential add made-up' or"
        " 'zoneproof credential add keyless-one'; else --provider or --credential for DNS"
        " ('zoneproof provider list' shows all), --persist for a TXT record that stays, --webroot"
        " or --standalone for http-01\n"
    )


def test_the_zone_where_the_challenge_name_leads_counts(world: World) -> None:
    told = refused(run(world.home, "issue", "*.www.example.org"))
    assert "by DNS: example.net is at Keyless One (its name server is ns1.example.net)" in told
    told = refused(run(world.home, "issue", "example.org"))
    assert "validated: --provider or --credential" in told


def test_a_credential_that_is_stored_for_the_provider_is_named(world: World) -> None:
    fields = ["--field", "token=x", "--name", "mine"]
    assert run(world.home, "credential", "add", "made-up", *fields).status == 0
    told = refused(run(world.home, "issue", "example.com"))
    assert "): --credential mine or 'zoneproof credential add keyless-one'; else" in told


def test_advice_does_not_wait_for_a_dns_that_does_not_answer(world: World) -> None:
    (world.home / "settings.toml").write_text(
        f'authoritative_port = 1\ndns.resolvers = ["127.0.0.1:{world.pebble.port}"]\n'
    )
    told = refused(run(world.home, "issue", "example.com"))
    assert "validated: --provider or --credential" in told
    silence = "; the DNS did not answer, so it is not known who hosts example.com\n"
    assert told.endswith(silence)
    told = refused(run(world.home, "issue", "*.example.com", "--standalone"))
    assert told.endswith(f"dns-01{silence}")


AT = (
    "; example.com is at Made-Up DNS or Keyless One (its name server is ns1.example.com):"
    " 'zoneproof credential add made-up' or 'zoneproof credential add keyless-one'\n"
)


@pytest.mark.parametrize("command", ["issue", "preview", "add"])
def test_a_wildcard_without_a_dns_provider_is_told_where_it_is(world: World, command: str) -> None:
    told = refused(run(world.home, command, "example.com", "*.example.com", "--standalone"))
    assert told == (
        "zoneproof: example.com: *.example.com is a wildcard, which http-01 cannot validate: give"
        f" it a method with dns-01{AT}"
    )


def test_a_wildcard_that_no_method_matches_is_told_where_it_is(world: World) -> None:
    methods = [f'--method=match="{name}",provider="manual"' for name in ("a.test", "b.test")]
    told = refused(run(world.home, "issue", "*.example.com", *methods))
    assert told == (
        "zoneproof: example.com: no method matches *.example.com, and http-01 cannot validate a"
        f" wildcard: add the pattern *.example.com to a method's match rule{AT}"
    )


def test_a_wildcard_that_is_added_is_told_where_it_is(world: World) -> None:
    assert run(world.home, "add", "example.com", "--standalone").status == 0
    told = refused(run(world.home, "edit", "example.com", "--add-name=*.example.com"))
    assert told.endswith(f"dns-01{AT}")


def test_doctor_says_what_to_type(world: World) -> None:
    done = run(world.home, "doctor", "example.com")
    assert (
        "hosted at       Made-Up DNS or Keyless One: zoneproof credential add made-up or zoneproof"
        " credential add keyless-one"
    ) in done.stdout
    (line,) = run(world.home, "doctor", "--json", "www.example.org").stdout.splitlines()
    assert json.loads(line)["hosted_at"] == ["keyless-one"]
    assert "hosted at" not in run(world.home, "doctor", "example.org").stdout


def test_preview_notes_that_nobody_needs_to_create_the_records(world: World) -> None:
    done = run(world.home, "preview", "example.com", "--provider=manual", *world.ca_options[:2])
    assert (
        "note: example.com is at Made-Up DNS or Keyless One (its name server is ns1.example.com),"
        " where the records can be created without you: zoneproof credential add made-up"
    ) in done.stdout


def test_preview_notes_that_the_zone_is_at_another_provider(world: World) -> None:
    fields = ["--field", f"token={GOOD_TOKEN}"]
    assert run(world.home, "credential", "add", "made-up", *fields).status == 0
    options = ["--credential=made-up", *world.ca_options[:2]]
    good = run(world.home, "preview", "example.com", *options)
    assert "note: example.com is at" not in good.stdout
    done = run(world.home, "preview", "www.example.org", *options)
    assert "PROBLEM: Made-Up DNS has no zone that contains www.auth.example.net" in done.stdout
    assert (
        "note: example.net is at Keyless One (its name server is ns1.example.net), not at Made-Up"
        " DNS: zoneproof credential add keyless-one"
    ) in done.stdout
