"""``zoneproof issue`` against Pebble, with Unbound as its resolver and Knot behind it."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import ssl
import stat
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from tests.support.change_txt import change
from tests.support.command import Result
from tests.support.peers.knot import TSIG_SECRET
from tests.support.running_command import running_command
from tests.support.world import World, open_world, zone_text

CHALLENGE = "_acme-challenge.example.com"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    zones = {
        "example.com": zone_text(
            "example.com",
            "_acme-challenge.delegated CNAME target.example.net.",
            "_acme-challenge.loop CNAME _acme-challenge.pool",
            "_acme-challenge.pool CNAME _acme-challenge.loop",
        ),
        "example.net": zone_text("example.net"),
    }
    with open_world(folder, zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    """The same servers for all tests, and a home of its own for each."""
    return servers.at(tmp_path)


@pytest.mark.parametrize(("profile", "is_there"), [("shortlived", True), ("golden", False)])
def test_a_preferred_profile_is_asked_for_where_the_ca_has_it(
    world: World, profile: str, is_there: bool
) -> None:
    result = world.issue("example.com", f"--preferred-profile={profile}")
    assert result.status == 0, result.stdout + result.stderr
    warnings = [event["message"] for event in result.events if event["event"] == "warning"]
    assert any(f"has no profile '{profile}'" in text for text in warnings) is not is_there
    issued = result.event("certificate_issued")
    days = datetime.fromisoformat(issued["not_after"]) - datetime.fromisoformat(
        issued["not_before"]
    )
    # Asked for none, Pebble takes any profile by chance; one that it lacks it would refuse.
    assert days < timedelta(days=10) or not is_there


def test_a_preferred_chain_that_the_ca_lacks_is_a_warning_that_names_those_it_has(
    world: World,
) -> None:
    result = world.issue("example.com", "--preferred-chain=No Such Root")
    assert result.status == 0, result.stdout + result.stderr
    (warning,) = [event["message"] for event in result.events if event["event"] == "warning"]
    assert "no chain to 'No Such Root' (preferred_chain), only to 'Pebble Root CA" in warning


def pebble_roots(world: World) -> bytes:
    context = ssl.create_default_context(cafile=str(world.pebble.ca_bundle))
    url = f"{world.pebble.management_url}/roots/0"
    with urllib.request.urlopen(url, context=context, timeout=5) as reply:
        return bytes(reply.read())


def test_wildcard_and_apex_get_one_certificate_in_the_usual_layout(world: World) -> None:
    result = world.issue("example.com", "*.example.com")
    assert result.status == 0, result.stderr

    live = world.home / "live/example.com"
    leaf = x509.load_pem_x509_certificate((live / "cert.pem").read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert set(names.get_values_for_type(x509.DNSName)) == {"example.com", "*.example.com"}
    key = load_pem_private_key((live / "privkey.pem").read_bytes(), None)
    assert key.public_key() == leaf.public_key()
    assert stat.S_IMODE((live / "privkey.pem").stat().st_mode) == 0o600
    assert (live / "privkey.pem").is_symlink()
    fullchain = (live / "fullchain.pem").read_bytes()
    assert fullchain == (live / "cert.pem").read_bytes() + (live / "chain.pem").read_bytes()


def test_the_chain_verifies_up_to_the_root(world: World) -> None:
    assert world.issue("www.example.com").status == 0
    root = x509.load_pem_x509_certificate(pebble_roots(world))
    chain = x509.load_pem_x509_certificates(
        (world.home / "live/www.example.com/fullchain.pem").read_bytes()
    )
    for certificate, issuer in zip(chain, [*chain[1:], root], strict=True):
        certificate.verify_directly_issued_by(issuer)


def test_the_txt_values_are_removed(world: World) -> None:
    result = world.issue("example.com", "*.example.com")
    assert result.event_names.count("record_published") == 2
    assert result.event_names.count("record_removed") == 2
    assert world.txt_values(CHALLENGE) == set()


def test_the_txt_goes_where_a_cname_leads(world: World) -> None:
    result = world.issue("delegated.example.com")
    assert result.status == 0, result.stdout
    assert result.event("delegation_found")["chain"] == [
        "_acme-challenge.delegated.example.com",
        "target.example.net",
    ]
    assert result.event("record_published")["name"] == "target.example.net"


def test_a_second_certificate_is_the_next_version_and_the_links_move(world: World) -> None:
    for _ in range(2):
        assert world.issue("example.com", "--force").status == 0
    link = world.home / "live/example.com/fullchain.pem"
    assert link.resolve().name == "fullchain2.pem"
    assert (world.home / "archive/example.com/fullchain1.pem").exists()


def test_people_see_lines_and_where_the_files_are(world: World) -> None:
    result = world.run(
        "issue",
        "example.com",
        *world.rfc2136_options,
        *world.ca_options,
        *world.dns_options,
    )
    assert result.status == 0, result.stderr
    assert "order placed for example.com" in result.stdout
    assert str(world.home / "live/example.com/privkey.pem") in result.stdout
    assert TSIG_SECRET not in result.stdout + result.stderr


@pytest.mark.parametrize(
    "event",
    [
        "order_created",
        "record_published",
        "records_visible",
        "challenges_answered",
        "certificate_issued",
        "files_written",
        "record_removed",
    ],
)
def test_a_run_killed_at_any_step_is_resumed_or_cleaned_by_the_next(
    world: World, event: str
) -> None:
    arguments = [
        "issue",
        "--json",
        *world.rfc2136_options,
        *world.ca_options,
        *world.dns_options,
        "example.com",
        "*.example.com",
    ]
    killed = world.run(event, *arguments, module="tests.cli.crash_at")
    assert killed.status == -9, killed.stderr

    with closing(sqlite3.connect(world.home / "state.sqlite3")) as connection:
        ((state,),) = connection.execute("SELECT state FROM orders").fetchall()
    # Removing continues beside the CA's work on the certificate, and on a busy machine after it.
    assert state == "open" or (event == "record_removed" and "files_written" in killed.stdout)

    again = world.run(*arguments)
    assert again.status == 0, again.stdout
    assert world.txt_values(CHALLENGE) == set()
    leaf = world.home / "live/example.com/cert.pem"
    key = load_pem_private_key((world.home / "live/example.com/privkey.pem").read_bytes(), None)
    assert x509.load_pem_x509_certificate(leaf.read_bytes()).public_key() == key.public_key()
    # On such a machine it may have been killed when nothing was left to do.
    is_kept = event == "record_removed" and "kept" in again.event_names
    assert ("order_resumed" in again.event_names) == (state == "open" and not is_kept)
    assert ("order_created" in again.event_names) == (state != "open" and not is_kept)


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_run_killed_while_it_publishes_is_cleaned_by_the_next(
    world: World, tmp_path: Path, moment: str
) -> None:
    """The script kills its parent the first time, before or after it has added the record."""
    create, delete = tmp_path / "create", tmp_path / "delete"
    kill = f'[ -e {tmp_path}/killed ] || {{ touch {tmp_path}/killed; kill -9 "$PPID"; }}'
    add = f'{sys.executable} -m tests.support.change_txt {world.knot.port} add "$2" "$3"'
    steps = [kill, add] if moment == "before" else [add, kill]
    create.write_text("\n".join(["#!/bin/sh", f"cd {Path.cwd()}", *steps, ""]))
    delete.write_text(
        f"#!/bin/sh\ncd {Path.cwd()}\n"
        f'{sys.executable} -m tests.support.change_txt {world.knot.port} remove "$2" "$3"\n'
    )
    for script in (create, delete):
        script.chmod(0o755)
    arguments = [
        "issue",
        "--json",
        "--provider=script",
        f"--field=create={create}",
        f"--field=delete={delete}",
        *world.ca_options,
        *world.dns_options,
        "example.com",
    ]
    assert world.run(*arguments).status == -9
    again = world.run(*arguments)
    assert again.status == 0, again.stdout
    assert "order_resumed" in again.event_names
    assert world.txt_values(CHALLENGE) == set()


def test_an_order_with_a_key_of_another_type_than_wanted_now_is_not_resumed(world: World) -> None:
    arguments = [
        "issue",
        "--json",
        *world.rfc2136_options,
        *world.ca_options,
        *world.dns_options,
        "example.com",
    ]
    killed = world.run("certificate_issued", *arguments, module="tests.cli.crash_at")
    assert killed.status == -9, killed.stderr

    again = world.run(*arguments, "--key-type=ec384")
    assert again.status == 0, again.stdout
    assert "order_resumed" not in again.event_names
    key = load_pem_private_key((world.home / "live/example.com/privkey.pem").read_bytes(), None)
    assert isinstance(key, EllipticCurvePrivateKey)
    assert key.key_size == 384
    assert world.txt_values(CHALLENGE) == set()


def test_a_run_for_another_certificate_cleans_up_after_a_killed_one(world: World) -> None:
    arguments = [
        "issue",
        "--json",
        *world.rfc2136_options,
        *world.ca_options,
        *world.dns_options,
    ]
    world.run("records_visible", *arguments, "example.com", module="tests.cli.crash_at")
    assert world.txt_values(CHALLENGE)
    assert world.run(*arguments, "www.example.com").status == 0
    assert world.txt_values(CHALLENGE) == set()


def test_an_interrupted_run_removes_its_values_and_keeps_the_order(world: World) -> None:
    """A value that never appears keeps the run waiting; SIGINT then ends it."""
    arguments = [
        "issue",
        "--json",
        *world.rfc2136_options,
        *world.ca_options,
        f"--resolver=127.0.0.1:{world.unbound.port}",
        f"--authoritative-port={world.knot.port}",
        "--propagation=600",
        "example.com",
    ]
    with running_command(world.environment(), *arguments) as process:
        for line in process.stdout:
            if json.loads(line)["event"] == "record_published":
                break
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(30) == 130
    assert "record_removed" in rest
    assert world.txt_values(CHALLENGE) == set()
    again = world.issue("--propagation=authoritative", "example.com")
    assert "order_resumed" in again.event_names


def test_two_runs_for_one_certificate_exclude_each_other(world: World) -> None:
    arguments = [
        "issue",
        "--json",
        *world.rfc2136_options,
        *world.ca_options,
        *world.dns_options,
        "--propagation=600",
        "example.com",
    ]
    with running_command(world.environment(), *arguments) as process:
        for line in process.stdout:
            if json.loads(line)["event"] == "record_published":
                break
        second = world.issue("example.com")
        assert second.status == 1
        assert f"process {process.pid}" in second.event("error")["message"]
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(30) == 130


def test_a_wait_that_asks_nobody_claims_nothing_about_the_dns(world: World) -> None:
    options = [*world.rfc2136_options, *world.ca_options, *world.dns_options]
    result = world.run("issue", "quiet.example.com", *options, "--propagation=0")
    assert result.status == 0, result.stderr
    assert "DNS has the values" not in result.stdout
    assert "continuing without checking the DNS" in result.stdout
    told = world.issue("still.example.com", "--propagation=0").event("records_visible")
    assert told["names"] == 0


def error_of(result: Result) -> str:
    assert "Traceback" not in result.stderr
    message: str = result.event("error")["message"]
    assert "\n" not in message
    return message


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["exa mple.com"], 2, r"'exa mple.com' is not a domain name"),
        (["localhost"], 2, r"give a full name such as example.com"),
        (["*.*.example.com"], 2, r"'\*' can only stand alone"),
        ([f"h{i}.example.com" for i in range(1001)], 2, r"1001 names are too many"),
        (["example.com", "example.com"], 2, r"listed twice"),
        (["*.example.com", "www.example.com"], 2, r"covered by \*\.example\.com"),
        (["loop.example.com"], 1, r"loop"),
        (["example.com", "--propagation=soon"], 2, r"soon"),
        (["example.com", "--resolver=nowhere"], 2, r"nowhere"),
        (["example.com", "--profile=golden"], 2, r"golden.*default"),
        (["example.com", "--profile=a", "--preferred-profile=b"], 2, r"give either profile"),
        (["example.com", "--name=../up"], 2, r"not a valid certificate name"),
        (["example.com", "--directory=ftp://ca"], 2, r"ftp://ca"),
        (["example.com", "--ca=letsdecrypt"], 2, r"letsdecrypt"),
        (["example.com", "--directory=https://127.0.0.1:9/dir"], 1, r"127\.0\.0\.1:9"),
        (["example.com", "--ca-bundle=/nonexistent.pem"], 2, r"/nonexistent\.pem"),
        (["example.com", "--field=colour=red"], 2, r"no field 'colour'"),
        (["example.com", "--field=colour"], 2, r"--field needs name=value"),
    ],
)
def test_wrong_input_ends_with_a_line_to_act_on(
    world: World, arguments: list[str], status: int, message: str
) -> None:
    result = world.issue(*arguments)
    assert result.status == status, result.stdout
    assert re.search(message, error_of(result)), error_of(result)


def test_an_unknown_provider_is_named_with_the_nearest_known(world: World) -> None:
    result = world.run("issue", "--json", "--provider=rfc2316", "example.com")
    assert result.status == 2
    assert "did you mean 'rfc2136'?" in error_of(result)


def test_a_missing_field_is_named(world: World) -> None:
    result = world.run("issue", "--json", "--provider=rfc2136", "example.com", *world.dns_options)
    assert result.status == 2
    assert "--field server=" in error_of(result)


def test_a_wrong_tsig_key_is_told_and_the_order_can_go_on_later(world: World) -> None:
    wrong = [item for item in world.rfc2136_options if "secret=" not in item]
    result = world.run(
        "issue",
        "--json",
        *wrong,
        "--field=secret=d3Jvbmctd3Jvbmctd3Jvbmctd3Jvbmc=",
        *world.ca_options,
        *world.dns_options,
        "example.com",
    )
    assert result.status == 1
    assert re.search(r"(?i)key", error_of(result))
    assert world.issue("example.com").status == 0


def test_terms_of_service_are_agreed_to_explicitly(world: World) -> None:
    options = [item for item in world.ca_options if item != "--agree-tos"]
    result = world.run(
        "issue", "--json", *world.rfc2136_options, *options, *world.dns_options, "example.com"
    )
    assert result.status == 1
    assert "--agree-tos" in error_of(result)


def test_manual_records_are_printed_and_the_same_order_goes_on(world: World) -> None:
    arguments = [
        "issue",
        "--json",
        "--provider=manual",
        *world.ca_options,
        *world.dns_options,
        "example.com",
    ]
    first = world.run(*arguments)
    assert first.status == 3, first.stdout
    record = first.event("error")["records"][0]
    match = re.fullmatch(rf'{CHALLENGE}\. \d+ IN TXT "([\w-]{{43}})"', record)
    assert match, record

    second = world.run(*arguments)
    assert second.status == 3
    assert second.event("error")["records"] == [record]
    assert second.event("order_resumed")["status"] == "pending"

    change(world.knot.port, CHALLENGE, match[1])
    third = world.run(*arguments)
    change(world.knot.port, CHALLENGE, match[1], remove=True)
    assert third.status == 0, third.stdout
