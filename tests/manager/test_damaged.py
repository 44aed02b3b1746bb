"""What is stored of one certificate cannot be read: it alone is told of, and the others go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.manager.managed import CHALLENGE, line_of, obtain, query
from tests.support.peers.knot import TSIG_SECRET
from tests.support.world import World
from zoneproof.core.names import DomainName
from zoneproof.issuance import PublishedRecord
from zoneproof.manager import Credential, Home, open_manager, renew
from zoneproof.providers import TxtRecord, Zone

ARCHIVE = ["--passphrase", "env:PASSPHRASE"]
SECRET = {"PASSPHRASE": "only for this test"}
DAMAGED = "www.example.com"
DEFINITION = """UPDATE certificates SET definition = '{"name": 5' WHERE name = 'www.example.com'"""
STATE = """
UPDATE certificates SET state = '{"renewal": {"failures": "none"}}' WHERE name = 'www.example.com'
"""
UNKNOWN_CA = """
UPDATE certificates SET definition = replace(definition, '"name"', '"account": "nobody", "name"')
WHERE name = 'b.example.com'
"""


@pytest.fixture
def two(world: World) -> World:
    """A home with two certificates, of which one will be damaged."""
    added = world.run("add", DAMAGED, *world.rfc2136_options, "--profile=default")
    assert added.status == 0, added.stderr
    return world


@pytest.mark.parametrize(("damage", "what"), [(DEFINITION, "definition"), (STATE, "state")])
def test_the_others_are_listed_renewed_and_exported(two: World, damage: str, what: str) -> None:
    query(two, damage)
    said = f"the stored {what} of {DAMAGED} cannot be read"

    good, bad = json.loads(two.run("list", "--json").stdout)
    assert (good["status"], bad["status"]) == ("missing", "damaged")
    assert bad["problem"].startswith(said)
    assert "restore the state database from a backup" in bad["problem"]
    assert DAMAGED in two.run("list", "--problems").stdout

    renewed = two.run("renew", "--json", *two.ca_options[1:])
    assert renewed.status == 1
    results = {one["certificate"]: one for one in renewed.events if one["event"] == "renewal"}
    assert results["example.com"]["result"] == "renewed"
    assert results[DAMAGED]["result"] == "failed"
    assert results[DAMAGED]["error"].startswith(said)

    archive = two.folder / "archive"
    exported = two.run("export", "-o", str(archive), *ARCHIVE, environment=SECRET)
    assert exported.status == 0, exported.stderr
    assert f"left out: {said}" in exported.stderr
    assert "1 certificate" in exported.stdout

    for command in (["credential", "list"], ["account", "list"], ["issue", "example.com"]):
        assert two.run(*command).status == 0
    if what == "definition":
        assert said in line_of(two.run("show", DAMAGED))
        assert said in line_of(two.run("edit", DAMAGED, "--ttl=5"))
    two.good("history", DAMAGED)
    assert two.run("remove", DAMAGED, "--yes").status == 0
    assert [one["name"] for one in json.loads(two.run("list", "--json").stdout)] == ["example.com"]


def test_one_that_is_not_renewed_and_has_tasks_stops_no_renewal_of_the_others(two: World) -> None:
    two.good("edit", DAMAGED, "--no-renew", "--deploy-hook=/bin/true")
    query(two, STATE)
    renewed = two.run("renew", "--json", *two.ca_options[1:])
    results = {one["certificate"]: one for one in renewed.events if one["event"] == "renewal"}
    assert results["example.com"]["result"] == "renewed"
    assert results[DAMAGED]["error"].startswith(f"the stored state of {DAMAGED} cannot be read")


@pytest.mark.parametrize(("damage", "what"), [(DEFINITION, "definition"), (STATE, "state")])
def test_what_cannot_be_opened_stops_no_preview_of_the_others(
    two: World, damage: str, what: str
) -> None:
    two.good("add", "a.example.com", *two.rfc2136_options, "--credential=lost")
    two.good("credential", "remove", "lost", "--force", "--yes")
    two.good("add", "b.example.com", *two.rfc2136_options)
    query(two, UNKNOWN_CA)
    query(two, damage)
    told = two.run("preview", "--all", *two.ca_options[1:])
    assert told.status == 1
    assert "example.com: would work\n" in told.stdout
    for problem in (
        "there is no credential 'lost'",
        "there is no account 'nobody'",
        f"the stored {what} of {DAMAGED} cannot be read",
    ):
        assert f"PROBLEM: {problem}" in told.stdout
    told = two.run("preview", "--all", "--json", *two.ca_options[1:])
    found = [json.loads(line) for line in told.stdout.splitlines()]
    assert [(one["certificate"], one["would_fail"]) for one in found] == [
        ("a.example.com", True),
        ("b.example.com", True),
        ("example.com", False),
        (DAMAGED, True),
    ]
    renewed = two.run("renew", "--json", *two.ca_options[1:])
    results = {one["certificate"]: one for one in renewed.events if one["event"] == "renewal"}
    assert {name for name, one in results.items() if one["result"] == "failed"} == {
        "a.example.com",
        "b.example.com",
        DAMAGED,
    }


def test_a_damaged_definition_is_defined_anew(two: World) -> None:
    definitions = two.run("list", "--toml").stdout
    query(two, DEFINITION)
    rest = two.run("list", "--toml")
    assert rest.status == 1
    assert DAMAGED not in rest.stdout
    assert f"left out: the stored definition of {DAMAGED}" in rest.stderr

    path = two.folder / "certs.toml"
    path.write_text(definitions)
    applied = two.run("apply", "-f", str(path), "--yes")
    assert applied.status == 0, applied.stderr
    assert f"to add    {DAMAGED}" in applied.stdout
    assert two.run("list", "--toml").stdout == definitions


def test_a_damaged_definition_is_pruned(two: World) -> None:
    query(two, DEFINITION)
    path = two.folder / "certs.toml"
    path.write_text(two.run("list", "--toml").stdout)
    applied = two.run("apply", "-f", str(path), "--prune", "--yes")
    assert applied.status == 0, applied.stderr
    assert query(two, "SELECT name FROM certificates") == [("example.com",)]


def test_a_damaged_definition_comes_back_out_of_an_archive(two: World) -> None:
    archive = two.folder / "archive"
    assert two.run("export", "-o", str(archive), *ARCHIVE, environment=SECRET).status == 0
    query(two, DEFINITION)
    query(two, STATE)
    taken = two.run("import", "archive", str(archive), *ARCHIVE, "--yes", environment=SECRET)
    assert taken.status == 0, taken.stderr
    assert [one["status"] for one in json.loads(two.run("list", "--json").stdout)] == [
        "missing",
        "missing",
    ]


def test_a_secret_that_is_lost_holds_up_neither_an_order_nor_the_cleaning(world: World) -> None:
    """The journal's secrets cannot be set again by a person, as the others can."""
    obtain(world)
    query(world, "UPDATE orders SET state = 'open', private_key = 'AQID' || substr(id, 1, 44)")
    again = world.run("renew", "--json", "--force")
    assert again.status == 0, again.stdout
    assert again.event("renewal")["result"] == "renewed"
    assert world.txt_values(CHALLENGE) == set()


async def test_a_value_whose_fields_are_lost_is_removed_with_the_stored_credential(
    world: World, tmp_path: Path
) -> None:
    """Without one it is told, and stops no renewal."""
    fields = {
        name: value
        for name, _, value in (
            option.removeprefix("--field=").partition("=") for option in world.rfc2136_options[2:]
        )
    } | {"server": "127.0.0.1", "secret": TSIG_SECRET}
    zone, label = Zone(DomainName("example.com")), "_acme-challenge.lost"
    warnings: list[str] = []
    async with open_manager(Home(world.home)) as manager:
        await manager.credentials.add(Credential("dns", "rfc2136", fields))
        for credential, value in (("dns", "one"), ("", "two")):
            order = await manager.journal.open_trial(f"lost {value}")
            item = PublishedRecord(order, "rfc2136", zone, label, value, 60, fields, credential)
            await manager.journal.will_publish([item])
            await manager.providers.open("rfc2136", fields).add(zone, [TxtRecord(label, value, 60)])
        query(world, "UPDATE publications SET fields = 'AQID' || substr(id, 1, 44)")
        await renew(manager, lambda _: lambda event: warnings.append(str(event)))
        left = await manager.journal.certificates_to_clean()
        await manager.providers.open("rfc2136", fields).remove(zone, [TxtRecord(label, "two", 60)])
    assert world.txt_values(f"{label}.example.com") == set()
    assert left == ["lost two"]
    assert any("remove it yourself" in warning for warning in warnings)


# What orders can do without: it is made anew.
EXPENDABLE = {
    "an account's contacts": "UPDATE accounts SET contact = 'x'",
    "a journaled order": "UPDATE orders SET state = 'open', identifiers = '[[1'",
    "when a key expires": "UPDATE credentials SET expires = 'soon'",
}


@pytest.mark.parametrize("damage", EXPENDABLE.values(), ids=EXPENDABLE)
def test_what_orders_can_do_without_holds_up_none(world: World, damage: str) -> None:
    obtain(world)
    query(world, damage)
    for command in (["account", "list"], ["credential", "list"], ["leftover", "list"], ["list"]):
        world.good(*command)
    assert "renewed" in world.good("renew", "--force")
    world.good("remove", "example.com", "--yes")
