"""``zoneproof preview``: what would go wrong is said before the CA is asked; nothing is changed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.peers.knot import TSIG_SECRET
from tests.support.world import World, open_world, zone_text

OTHER_CA = 'CAA 0 issue "other-ca.example"'


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    zones = {
        # The CA's own view begins at the root, of which there is none here: a set at each zone's
        # top ends the climb.
        "example.com": zone_text(
            "example.com",
            '@ CAA 0 issue "pebble.letsencrypt.org"',
            f"denied {OTHER_CA}",
            "_acme-challenge.delegated CNAME target.example.net.",
            "_acme-challenge.astray CNAME elsewhere.example.net.",
            '_acme-challenge.blocked TXT "left over"',
            "_acme-challenge.loop CNAME _acme-challenge.pool",
            "_acme-challenge.pool CNAME _acme-challenge.loop",
        ),
        "example.net": zone_text("example.net", '@ CAA 0 issue "pebble.letsencrypt.org"'),
    }
    with open_world(folder, zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    world = servers.at(tmp_path)
    world.write_settings()
    return world


def preview(world: World, *arguments: str, fails: bool = False) -> dict[str, Any]:
    """Preview with rfc2136 at the test CA."""
    result = world.run("preview", "--json", *world.rfc2136_options, *world.ca_options, *arguments)
    assert result.status == int(fails), result.stdout + result.stderr
    assert TSIG_SECRET not in result.stdout + result.stderr
    document: dict[str, Any] = json.loads(result.stdout)
    assert document["would_fail"] is fails
    return document


def problems(document: dict[str, Any]) -> str:
    found = [*document["findings"]]
    for identifier in document["identifiers"]:
        found += identifier["findings"]
    return "; ".join(finding["text"] for finding in found if finding["problem"])


def test_what_would_be_done_is_shown_for_each_identifier(world: World) -> None:
    apex, wildcard = preview(world, "example.com", "*.example.com")["identifiers"]
    assert apex["challenge_name"] == wildcard["challenge_name"] == "_acme-challenge.example.com"
    assert apex["reason"] == "the only method"
    assert apex["provider"] == "rfc2136"
    assert apex["zone"] == apex["provider_zone"] == "example.com"
    assert apex["caa"]["allowed"] is True
    assert [server["status"] for server in apex["servers"]] == ["visible"]
    (delegated,) = preview(world, "delegated.example.com")["identifiers"]
    assert delegated["chain"] == ["_acme-challenge.delegated.example.com", "target.example.net"]
    assert delegated["publish_name"] == "target.example.net"


def test_nothing_is_changed(world: World) -> None:
    preview(world, "example.com")
    assert json.loads(world.run("list", "--json").stdout) == []
    assert world.txt_values("_acme-challenge.example.com") == set()
    assert not (world.home / "live").exists()


def test_people_see_a_page_and_a_conclusion(world: World) -> None:
    result = world.run("preview", *world.rfc2136_options, *world.ca_options, "example.com")
    assert result.status == 0, result.stderr
    assert "Issuing it would work" in result.stdout
    assert "1 of 1 answer" in result.stdout
    assert "an account would be registered at the CA first\n" in result.stdout


def test_agreement_that_is_not_given_yet_is_named(world: World) -> None:
    without = [option for option in world.ca_options if option != "--agree-tos"]
    result = world.run("preview", *world.rfc2136_options, *without, "example.com")
    assert "registered at the CA first, which needs --agree-tos" in result.stdout


def test_a_saved_certificate_needs_agreement_before_it_is_renewed(world: World) -> None:
    directory, bundle, *_ = world.ca_options
    world.good("add", "example.com", "--provider=manual", directory)
    remedy = f"'zoneproof account register --ca {world.pebble.directory_url} --agree-tos'"
    looked = world.run("preview", "--all", bundle)
    assert (looked.status, remedy in looked.stdout) == (1, True), looked.stdout
    assert "would work" not in looked.stdout
    renewed = world.run("renew", bundle)
    assert (renewed.status, f"read them, then run {remedy}" in renewed.stderr) == (1, True)
    assert remedy in world.good("history", "example.com")
    world.good("account", "register", *remedy.strip("'").split()[3:], bundle)
    assert world.run("preview", "--all", bundle).status == 0


@pytest.mark.parametrize(
    ("policy", "text"),
    [("0", "no, without checking"), ("authoritative+2", "authoritative, then 2 seconds")],
)
def test_how_it_waits_for_dns_is_said_in_words(world: World, policy: str, text: str) -> None:
    options = [*world.rfc2136_options, *world.ca_options, f"--propagation={policy}"]
    assert f"waits for DNS   {text}\n" in world.good("preview", *options, "example.com")


def test_a_name_and_its_wildcard_stand_together_and_records_once(world: World) -> None:
    names = ["www.example.com", "*.www.example.com"]
    result = world.run(
        "preview",
        *world.rfc2136_options,
        *world.ca_options,
        "--delegation=*.example.com:*.auth.example.net",
        *names,
    )
    assert result.status == 1
    assert result.stdout.startswith("www.example.com, *.www.example.com\n")
    assert result.stdout.count(" IN CNAME ") == 1


def test_a_missing_cname_is_printed_as_the_record_to_create(world: World) -> None:
    rule = "*.example.com:*.auth.example.net"
    document = preview(world, "www.example.com", f"--delegation={rule}", fails=True)
    record = "_acme-challenge.www.example.com. IN CNAME _acme-challenge.www.auth.example.net."
    assert document["records"] == [record]
    assert "is missing: create it" in problems(document)
    options = (*world.rfc2136_options, *world.ca_options, f"--delegation={rule}", "--agree-tos")
    told = world.run("preview", "www.example.com", *options).stdout
    assert "Issuing it would stop: create the records above first." in told
    assert "would fail" not in told


def test_a_cname_that_leads_astray_is_told(world: World) -> None:
    rule = "astray.example.com:right.example.net"
    document = preview(world, "astray.example.com", f"--delegation={rule}", fails=True)
    assert document["awaited"] == [
        {
            "event": "record_awaited",
            "record": "_acme-challenge.astray.example.com. IN CNAME"
            " _acme-challenge.right.example.net.",
            "status": "missing",
            "servers": ["ns1.example.com (127.0.0.1)"],
            "note": "a CNAME to elsewhere.example.net is there",
        }
    ]
    assert "leads to elsewhere.example.net instead of" in problems(document)


def test_a_txt_in_the_way_of_the_cname_is_the_conflict_that_it_is(world: World) -> None:
    rule = "blocked.example.com:right.example.net"
    document = preview(world, "blocked.example.com", f"--delegation={rule}", fails=True)
    assert "has a TXT record, and no CNAME can exist beside it" in problems(document)
    assert "Universal SSL" in problems(document)


def test_caa_that_names_another_ca_is_told_and_can_be_ignored(world: World) -> None:
    document = preview(world, "denied.example.com", fails=True)
    assert "other-ca.example" in problems(document)
    ignored = preview(world, "denied.example.com", "--ignore-caa")
    assert ignored["identifiers"][0]["caa"]["reason"] == "not checked: it is ignored, as configured"


def test_issue_sends_no_order_that_caa_forbids_unless_told_to(world: World) -> None:
    options = [*world.rfc2136_options, *world.ca_options]
    refused = world.run("issue", "denied.example.com", *options)
    assert refused.status == 1
    assert "--ignore-caa" in refused.stderr
    assert "order placed" not in refused.stdout
    assert world.run("issue", "denied.example.com", *options, "--ignore-caa").status == 0


def test_one_wrong_identifier_does_not_hide_the_others(world: World) -> None:
    document = preview(world, "example.com", "loop.example.com", "denied.example.com", fails=True)
    fine, loop, denied = document["identifiers"]
    assert not fine["would_fail"]
    assert "loop" in loop["findings"][0]["text"]
    assert denied["would_fail"]


def test_a_profile_that_the_ca_does_not_have_is_told(world: World) -> None:
    document = preview(world, "example.com", "--profile=eternal", fails=True)
    assert "eternal" in problems(document)
    assert "shortlived" in problems(document)


def test_a_group_that_there_is_not_is_told(world: World) -> None:
    found = preview(world, "www.example.com", "--key-group", "nosuch", fails=True)
    assert "there is no group 'nosuch' on this machine" in problems(found)


def test_a_ca_out_of_reach_is_told_beside_what_the_dns_says(world: World) -> None:
    result = world.run(
        "preview",
        "--json",
        *world.rfc2136_options,
        "--ca=https://127.0.0.1:9/dir",
        "example.com",
    )
    document = json.loads(result.stdout)
    assert result.status == 1
    assert "127.0.0.1:9" in problems(document)
    assert document["identifiers"][0]["zone"] == "example.com"
    assert document["identifiers"][0]["caa"] == {
        "allowed": True,
        "reason": "not checked: the CA's directory is not known",
    }


def test_a_cause_of_several_names_is_printed_once(world: World) -> None:
    names = ["www.example.com", "denied.example.com"]
    result = world.run("preview", *names, "--webroot=/nonexistent", *world.ca_options)
    assert result.stdout.count("the webroot /nonexistent") == 1
    assert "\nwww.example.com, denied.example.com\n  PROBLEM: the webroot" in result.stdout


def test_a_dns_out_of_reach_is_one_problem(world: World) -> None:
    result = world.run(
        "preview",
        *world.rfc2136_options,
        *world.ca_options,
        "--resolver=127.0.0.1:9",
        "example.com",
        "host.example.com",
    )
    assert result.status == 1
    assert result.stdout.count("127.0.0.1:9") == 1


def test_a_caa_record_that_forbids_it_is_told_once(world: World) -> None:
    result = world.run("preview", "denied.example.com", *world.rfc2136_options, *world.ca_options)
    assert result.stdout.count("other-ca.example") == 1


def test_all_saved_certificates_are_previewed_in_a_line_each(world: World) -> None:
    options = [*world.rfc2136_options, world.ca_options[0]]
    world.run("add", "example.com", *options)
    world.run("add", "www.example.com", *options)
    result = world.run("preview", "--all", *world.ca_options[1:])
    assert result.status == 0, result.stdout + result.stderr
    assert result.stdout.splitlines() == ["example.com: would work", "www.example.com: would work"]


def test_http01_is_shown_with_where_it_answers(world: World) -> None:
    webroot = world.folder / "htdocs"
    webroot.mkdir()
    result = world.run(
        "preview", "--json", *world.ca_options, f"--webroot={webroot}", "www.example.com"
    )
    (identifier,) = json.loads(result.stdout)["identifiers"]
    assert identifier["challenge"] == "http-01"
    assert identifier["answered_by"] == f"files below {webroot}"
    missing = world.run(
        "preview", "--json", *world.ca_options, "--webroot=/nonexistent", "www.example.com"
    )
    assert missing.status == 1
    assert "/nonexistent" in problems(json.loads(missing.stdout))
