"""``zoneproof credential add``: a short conversation at a terminal, none elsewhere."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.terminal import run_at_terminal
from tests.providers.fakes.cloudflare import FakeCloudflare
from tests.providers.fakes.digitalocean import FakeDigitalOcean
from tests.providers.fakes.timeweb import FakeTimeweb
from tests.support import made_up
from tests.support.command import Result
from tests.support.fake_api import Key
from tests.support.fake_http import fake_http_server
from tests.support.made_up import GOOD_TOKEN
from tests.support.world import World, open_world, zone_text

BAD_TOKEN = "bad-token-0123456789"
WHICH = "provider, or a domain that is to have a certificate: "


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    zones = {
        "example.com": zone_text("example.com"),
        "example.net": zone_text("example.net"),
        "example.org": zone_text("example.org"),
    }
    with open_world(tmp_path_factory.mktemp("world"), zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    world = servers.at(tmp_path)
    world.write_settings()
    return world


def talk(world: World, arguments: Sequence[str], dialogue: Sequence[tuple[str, str]]) -> Result:
    """Add a credential at a terminal; the dialogue is all that is asked."""
    result = run_at_terminal(
        ["credential", "add", *arguments],
        dialogue,
        {"ZONEPROOF_HOME": str(world.home)},
        "tests.support.made_up",
    )
    for token in (GOOD_TOKEN, BAD_TOKEN):
        assert token not in result.stdout
    assert "Traceback" not in result.stdout
    return result


def run(world: World, *arguments: str) -> Result:
    return made_up.run(world.home, "credential", *arguments)


def stored(world: World, name: str = "made-up") -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(run(world, "show", name, "--json").stdout)
    return facts


def is_stored(world: World, name: str = "made-up") -> bool:
    return run(world, "show", name).status == 0


def test_a_conversation_says_what_for_asks_for_the_key_and_tries_it(world: World) -> None:
    result = talk(world, ["made-up"], [("token (API token): ", GOOD_TOKEN)])
    assert result.status == 0, result.stdout
    assert result.stdout.replace("\r", "") == (
        "Made-Up DNS: what Zoneproof needs to create TXT records with it, stored encrypted.\n"
        "Make a key at https://made-up.example/keys\n"
        "Least privilege: a token that may edit TXT records.\n"
        "All fields: zoneproof provider show made-up\n"
        "token (API token): \n"
        "made-up is stored\n"
        "it can manage example.com, example.org\n"
        "next: zoneproof issue DOMAIN --credential made-up\n"
    )
    assert stored(world)["fields"] == {"token": "(hidden)"}
    assert stored(world)["expires"] == "2099-03-01", "as the API tells"


def test_a_key_that_is_refused_is_stored_only_if_the_person_wants_it(world: World) -> None:
    dialogue = [("token (", BAD_TOKEN), ("Store it anyway? [y/N]: ", "n")]
    result = talk(world, ["made-up"], dialogue)
    assert result.status == 1
    assert "it does not work: Made-Up DNS does not know the token" in result.stdout
    assert "zoneproof: nothing was stored" in result.stdout
    assert not is_stored(world)
    result = talk(world, ["made-up"], [dialogue[0], (dialogue[1][0], "y")])
    assert result.status == 0
    assert "next: zoneproof credential test made-up" in result.stdout
    assert is_stored(world)


def test_no_test_means_none(world: World) -> None:
    result = talk(world, ["made-up", "--no-test"], [("token (", BAD_TOKEN)])
    assert result.status == 0, result.stdout
    assert "next: zoneproof credential test made-up --zone ZONE" in result.stdout


def test_who_gives_all_fields_is_asked_nothing_and_nobody_waits_for_a_test(world: World) -> None:
    result = talk(world, ["made-up", "--field", "token=x"], [])
    assert result.status == 0
    assert "Make a key" not in result.stdout
    assert "does not work" not in result.stdout


@pytest.mark.parametrize(
    ("answers", "fields"),
    [
        ([("user (", "me"), ("token (", GOOD_TOKEN)], {"user": "me", "token": "(hidden)"}),
        ([("user (", "")], {"user": ""}),
    ],
)
def test_a_key_that_may_be_left_out_is_asked_for_too(
    world: World, answers: list[tuple[str, str]], fields: dict[str, str]
) -> None:
    result = talk(world, ["keyless-one", "--no-test"], answers)
    assert result.status == 0, result.stdout
    assert stored(world, "keyless-one")["fields"] == fields


@pytest.mark.parametrize("name", ["made-up", "Made-Up", "made-up dns"])
def test_without_a_provider_it_is_asked_for(world: World, name: str) -> None:
    result = talk(world, [], [(WHICH, name), ("token (", GOOD_TOKEN)])
    assert result.status == 0, result.stdout
    assert stored(world)["provider"] == "made-up"


def test_a_provider_is_found_by_a_domain(world: World) -> None:
    dialogue = [
        (WHICH, "q"),  # which is in the title of one
        (WHICH, "www.example.org"),
        (WHICH, "example.test"),
        (WHICH, "www.example.com"),
        ("which one [made-up]: ", "another"),
        ("which one [made-up]: ", ""),
        ("token (", GOOD_TOKEN),
    ]
    result = talk(world, [], dialogue)
    assert result.status == 0, result.stdout
    told = result.stdout.replace("\r", "")
    assert "example.org is at no known provider (its name server is ns1.example.org): name" in told
    assert "the DNS does not tell where example.test is: name the provider" in told
    assert (
        "example.com is at Made-Up DNS or Keyless One (its name server is ns1.example.com)" in told
    )
    assert "choose one of made-up, keyless-one" in told
    assert "next: zoneproof issue www.example.com --credential made-up" in told


def test_a_domain_may_be_given_in_place_of_the_provider(world: World) -> None:
    dialogue = [("which one [made-up]: ", ""), ("token (", GOOD_TOKEN)]
    result = talk(world, ["www.example.com"], dialogue)
    assert result.status == 0, result.stdout
    assert stored(world)["provider"] == "made-up"
    assert "next: zoneproof issue www.example.com --credential made-up" in result.stdout


def test_elsewhere_a_domain_at_one_of_two_providers_needs_its_name(world: World) -> None:
    result = run(world, "add", "www.example.com", "--field", f"token={GOOD_TOKEN}")
    assert result.status == 2
    assert "name one of the providers made-up, keyless-one" in result.stderr
    assert not is_stored(world)


def test_a_key_that_cannot_manage_the_domain_is_stored_with_a_remark(world: World) -> None:
    dialogue = [(WHICH, "example.net"), ("user (", "me"), ("token (", GOOD_TOKEN)]
    result = talk(world, [], dialogue)
    assert result.status == 0, result.stdout
    assert "it can manage example.com, example.org" in result.stdout
    assert "none of these contains example.net: is it the right account's key?" in result.stdout


def test_a_key_for_an_api_without_lists_is_tried_in_a_zone(world: World) -> None:
    fields = [option for option in world.rfc2136_options if option.startswith("--field")]
    dialogue = [
        ("server (", "127.0.0.1"),
        ("a zone to test it in; Enter for no test", "example.net"),
    ]
    result = talk(world, ["rfc2136", *fields], dialogue)
    assert result.status == 0, result.stdout
    assert "the credential rfc2136 works" in result.stdout
    assert "next: zoneproof issue DOMAIN --credential rfc2136" in result.stdout
    assert not world.txt_values("_zoneproof-test.example.net")


def test_elsewhere_nothing_is_asked_and_a_test_is_to_be_asked_for(world: World) -> None:
    assert "name a provider" in run(world, "add").stderr
    assert "provider made-up needs token" in run(world, "add", "made-up").stderr
    bad, good = [
        ["add", "made-up", "--field", f"token={token}"] for token in (BAD_TOKEN, GOOD_TOKEN)
    ]
    refused = run(world, *bad, "--test")
    assert refused.status == 1
    assert refused.stderr.endswith(
        "does not know the token; nothing was stored: --no-test stores it untested\n"
    )
    assert not is_stored(world)
    assert run(world, *bad).status == 0
    done = run(world, *good, "--test", "--name=b", "--json")
    assert json.loads(done.stdout)["zones"] == ["example.com", "example.org"]
    server = ["--field=server=192.0.2.1"]
    refused = run(world, "add", "rfc2136", *server, "--test")
    assert "rfc2136 does not list zones: omit --test" in refused.stderr


async def test_an_api_is_asked_before_the_key_is_stored(world: World) -> None:
    api = FakeDigitalOcean()
    api.keys[GOOD_TOKEN] = Key()
    api.add_zone("example.com", GOOD_TOKEN)
    async with fake_http_server(api) as server:

        async def add(token: str) -> Result:
            fields = [f"--field=token={token}", f"--field=api_url={server.url}/v2"]
            arguments = ["add", "digitalocean", *fields, "--test", "--json"]
            return await asyncio.to_thread(run, world, *arguments)

        refused = await add(BAD_TOKEN)
        added = await add(GOOD_TOKEN)
    assert refused.status == 1
    assert "nothing was stored: --no-test stores it untested" in refused.stdout
    assert json.loads(added.stdout)["zones"] == ["example.com"]


async def test_the_api_is_asked_when_the_key_expires(world: World) -> None:
    api = FakeCloudflare()
    api.keys[GOOD_TOKEN] = Key()
    api.add_zone("example.com")
    api.expires = datetime(2099, 3, 1, 12, tzinfo=UTC)
    async with fake_http_server(api) as server:
        fields = [f"--field=api_token={GOOD_TOKEN}", f"--field=api_url={server.url}/client/v4"]
        added = await asyncio.to_thread(run, world, "add", "cloudflare", *fields, "--test")
        api.expires = datetime(2098, 2, 1, 12, tzinfo=UTC)
        listed = run(world, "list")
        tested = await asyncio.to_thread(run, world, "test", "cloudflare", "--read-only")
        then = run(world, "list").stdout
        api.expires = None
        ended = await asyncio.to_thread(run, world, "test", "cloudflare", "--read-only")
        again = await asyncio.to_thread(run, world, "test", "cloudflare", "--read-only")
    assert added.status == 0
    assert " 2099-03-01 " in listed.stdout
    assert "key     ok: expires on 2098-02-01" in tested.stdout
    assert " 2098-02-01 " in then
    assert "key     ok: does not expire; the stored day was 2098-02-01" in ended.stdout
    assert "key " not in again.stdout
    assert "2098-02-01" not in run(world, "list").stdout


async def test_a_given_day_stays_where_the_api_does_not_tell(world: World) -> None:
    api = FakeTimeweb()
    api.keys[GOOD_TOKEN] = Key()  # no JSON Web Token, which would say when it ends
    api.add_zone("example.com")
    async with fake_http_server(api) as server:
        fields = [f"--field=token={GOOD_TOKEN}", f"--field=api_url={server.url}/api"]
        arguments = ["add", "timeweb", *fields, "--expires=2099-03-01", "--no-test"]
        assert run(world, *arguments).status == 0
        tested = await asyncio.to_thread(run, world, "test", "timeweb", "--read-only")
    assert tested.status == 0
    assert "key " not in tested.stdout
    assert stored(world, "timeweb")["expires"] == "2099-03-01"


def test_the_day_on_which_a_key_expires_is_kept_until_the_key_is_another(world: World) -> None:
    refused = run(world, "add", "made-up", "--field=token=x", "--expires=soon")
    assert "'soon' is not a date: write it as 2027-03-01" in refused.stderr
    assert run(world, "add", "made-up", "--field=token=x", "--expires=2027-03-01").status == 0
    assert stored(world)["expires"] == "2027-03-01"
    assert "key expires  2027-03-01" in run(world, "show", "made-up").stdout
    assert " 2027-03-01 " in run(world, "list").stdout
    assert run(world, "set", "made-up", "--field=region=us").status == 0
    assert stored(world)["expires"] == "2027-03-01"
    assert run(world, "set", "made-up", "--field=token=y").status == 0
    assert stored(world)["expires"] is None
    assert run(world, "set", "made-up", "--expires=2028-01-31").status == 0
    assert stored(world)["expires"] == "2028-01-31"
    assert run(world, "set", "made-up", "--unset=expires").status == 0
    assert stored(world)["expires"] is None
    assert run(world, "set", "made-up", f"--field=token={GOOD_TOKEN}").status == 0
    assert (
        "key     ok: expires on 2099-03-01" in run(world, "test", "made-up", "--read-only").stdout
    )
    assert stored(world)["expires"] == "2099-03-01"
