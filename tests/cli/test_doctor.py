"""``zoneproof doctor``: what is told of a name, and which record to create."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Result, run_zoneproof
from tests.support.mounts import mounted, needs_mounts
from tests.support.peers.knot import Knot
from tests.support.world import zone_text


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knot]:
    zones = {
        "example.com": zone_text(
            "example.com",
            "_acme-challenge.moved CNAME moved.auth.example.net.",
            "_acme-challenge.blocked TXT left-over",
            "*.wild CNAME somewhere.example.net.",
            "_acme-challenge.loop CNAME _acme-challenge.loop",
            "_acme-challenge.astray CNAME www.exmaple.net.",
        ),
        "example.net": zone_text("example.net"),
        "example.org": zone_text("example.org", "@ NS ns2", "ns2 A 127.0.0.9"),
        ".": zone_text("", "net NS ns1.net.", "ns1.net A 127.0.0.1"),
        "net": zone_text("net", "example NS ns1"),
        "corp": zone_text("corp"),
        "unseen.example": zone_text("unseen.example").replace("127.0.0.1", "127.0.0.9"),
    }
    with Knot(tmp_path_factory.mktemp("knot"), zones) as server:
        yield server


def run(knot: Knot, *arguments: str) -> Result:
    where = [f"--resolver=127.0.0.1:{knot.port}", f"--authoritative-port={knot.port}"]
    return run_zoneproof("doctor", *where, *arguments)


def facts(knot: Knot, *arguments: str) -> dict[str, Any]:
    done = run(knot, "--json", *arguments)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.status == int(found["would_fail"])
    return found


def test_a_sound_name_passes_with_what_was_found(knot: Knot) -> None:
    done = run(knot, "*.example.com")
    assert done.status == 0, done.stderr
    assert "_acme-challenge.example.com" in done.stdout
    assert "1 of 1 answer" in done.stdout
    assert "would work" in done.stdout


def test_a_delegation_is_followed(knot: Knot) -> None:
    found = facts(knot, "moved.example.com")
    assert found["chain"] == ["_acme-challenge.moved.example.com", "moved.auth.example.net"]
    assert found["zone"] == "example.net"


def test_settings_say_whom_to_ask(knot: Knot, tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text(
        f'authoritative_port = {knot.port}\ndns.resolvers = ["127.0.0.1:{knot.port}"]\n'
    )
    done = subprocess.run(
        [sys.executable, "-m", "zoneproof", "doctor", "example.com", "*.example.com"],
        env={**os.environ, "ZONEPROOF_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("example.com, *.example.com\n")
    assert "not checked: name the CA with --ca" in done.stdout


def test_a_missing_cname_is_a_problem_with_the_record_to_create(knot: Knot) -> None:
    found = facts(knot, "www.example.com", "--expect=x.auth.example.net")
    (finding,) = found["findings"]
    assert finding["problem"]
    assert finding["record"] == "_acme-challenge.www.example.com. IN CNAME x.auth.example.net."


def test_a_cname_that_leads_elsewhere_is_a_problem(knot: Knot) -> None:
    found = facts(knot, "moved.example.com", "--expect=x.auth.example.net")
    assert "leads to moved.auth.example.net instead" in found["findings"][0]["text"]


@pytest.mark.parametrize("identifier", ["www.exmaple.net", "astray.example.com"])
def test_a_domain_that_nobody_has_registered_is_a_problem(knot: Knot, identifier: str) -> None:
    (finding,) = facts(knot, identifier)["findings"]
    assert finding["problem"]
    assert finding["text"] == "there is no domain exmaple.net: check the spelling, or register it"


@pytest.mark.parametrize("identifier", ["later.example.net", "later.corp", "net.corp"])
def test_a_name_that_is_to_come_in_a_zone_of_ones_own_is_none(knot: Knot, identifier: str) -> None:
    assert facts(knot, identifier)["findings"] == []


def test_a_txt_record_where_a_cname_should_be_is_named_with_its_likely_cause(knot: Knot) -> None:
    found = facts(knot, "blocked.example.com", "--expect=x.auth.example.net")
    assert "Universal SSL" in found["findings"][0]["text"]
    assert {"name": "_acme-challenge.blocked.example.com", "txt": "left-over"} in found["leftovers"]


def test_a_wildcard_cname_is_no_delegation(knot: Knot) -> None:
    found = facts(knot, "a.wild.example.com")
    assert found["from_wildcard"]
    assert found["publish_name"] == "_acme-challenge.a.wild.example.com"
    assert not found["would_fail"]


def test_a_name_server_that_does_not_answer_is_noted(knot: Knot) -> None:
    found = facts(knot, "example.org")
    assert {server["status"] for server in found["servers"]} == {"visible", "unreachable"}
    assert not found["would_fail"]


def test_where_no_name_server_answers_nothing_is_promised(knot: Knot) -> None:
    done = run(knot, "unseen.example")
    assert done.status == 0, done.stderr
    assert "0 of 1 answer" in done.stdout
    assert "No name server answers here: nobody can tell" in done.stdout


@pytest.mark.parametrize(
    ("name", "status", "message"),
    [
        ("loop.example.com", 1, "loop"),
        ("exa mple.com", 2, "is not a domain name"),
        ("192.0.2.1", 2, "IP address"),
    ],
)
def test_what_cannot_be_examined_is_one_line(
    knot: Knot, name: str, status: int, message: str
) -> None:
    done = run(knot, name)
    assert done.status == status
    assert message in done.stderr
    assert done.stderr.count("\n") == 1


@needs_mounts
@pytest.mark.parametrize(
    "lines",
    [
        b"nameserver ns.example\nnameserver 127.0.0.9\n",
        b"# Fu\xdf\nnameserver 127.0.0.9\noptions timeout:x\n",
    ],
)
def test_the_system_s_resolvers_are_read_as_the_system_reads_them(
    tmp_path: Path, lines: bytes
) -> None:
    file = tmp_path / "resolv.conf"
    file.write_bytes(lines)
    told = mounted(tmp_path, f"mount --bind {file} /etc/resolv.conf", "doctor a.example")
    assert told.returncode == 1
    assert told.stderr.startswith("zoneproof: the DNS server 127.0.0.9 cannot be reached")


@needs_mounts
def test_a_system_without_resolvers_is_told_where_to_name_them(tmp_path: Path) -> None:
    told = mounted(tmp_path, "mount --bind /dev/null /etc/resolv.conf", "doctor a.example")
    assert told.returncode == 1
    assert "(/etc/resolv.conf: no nameservers): name one with --resolver" in told.stderr
