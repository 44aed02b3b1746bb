"""``zoneproof challenge serve --check``: what is in the way, and which records are missing."""

from __future__ import annotations

import json
import re
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.challengedns.checking import CONFIG, check
from tests.support.challenge_service import Service
from tests.support.command import run_zoneproof
from tests.support.opened_service import open_registrations
from tests.support.peers.knot import Knot
from tests.support.self_signed import write_certificate
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.runtime.check import Level, check_engine, check_machine
from zoneproof.challengedns.store.remembered_zones import RememberedZones
from zoneproof.testing.ports import free_port

PARENT = "127.0.0.7"
ZONE_FILE = """$ORIGIN example.org.
$TTL 60
@ SOA ns hostmaster 1 3600 600 86400 60
@ NS ns
ns A {parent}
{records}
"""
RIGHT = """
auth.example.org. 3600 IN NS ns1.auth.example.org.
auth.example.org. 3600 IN NS ns2.auth.example.org.
ns1.auth.example.org. 3600 IN A 127.0.0.1
ns2.auth.example.org. 3600 IN A 127.0.0.1
"""


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def config(tmp_path: Path, port: int) -> Path:
    path = tmp_path / "zoneproof.toml"
    path.write_text(CONFIG.format(port=port, api=""))
    return path


def problems(findings: list[dict[str, Any]], subject: str = "") -> list[dict[str, Any]]:
    return [
        found
        for found in findings
        if found["level"] == "problem" and found["subject"].startswith(subject)
    ]


def check_dns(config: Path, tmp_path: Path, port: int, records: str) -> list[dict[str, Any]]:
    """Check with a parent zone that holds the records; return the delegation's problems."""
    zone = {"example.org": ZONE_FILE.format(parent=PARENT, records=records)}
    with Knot(tmp_path / "knot", zone, address=PARENT, port=port, updates=False):
        code, findings = check(
            config, "--resolver", f"{PARENT}:{port}", "--authoritative-port", str(port)
        )
    found = problems(findings)
    assert code == (1 if found else 0)
    return found


def test_a_machine_that_is_ready_is_called_so_and_nothing_is_changed(config: Path) -> None:
    code, findings = check(config, "--no-dns")
    assert code == 0
    assert not problems(findings)
    assert {found["subject"] for found in findings} == {
        "sockets",
        "connections",
        "database",
        "certificate",
    }
    assert [path.name for path in config.parent.iterdir()] == ["zoneproof.toml"]


def test_how_many_connections_there_may_be_is_told(config: Path) -> None:
    (found,) = [each for each in check(config, "--no-dns")[1] if each["subject"] == "connections"]
    assert found["level"] == "ok"
    assert re.search(r"at most [\d,]+ to the API \([\d,]+ from one address\)", found["text"])


def test_too_few_open_files_are_a_problem(config: Path) -> None:
    done = subprocess.run(
        [
            *("prlimit", "--nofile=120:120", sys.executable, "-m", "zoneproof", "challenge"),
            *("serve", "--config", str(config), "--check", "--json", "--no-dns"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    (found,) = problems(json.loads(done.stdout)["findings"])
    assert "the limit of 120 open files leaves" in found["text"]
    assert "raise it" in found["text"]


def test_a_wrong_configuration_exits_with_2(config: Path) -> None:
    config.write_text(config.read_text().replace("[api]", "[apis]"))
    done = run_zoneproof("challenge", "serve", "--config", str(config), "--check", timeout=60)
    assert done.status == 2
    assert "apis" in done.stderr


def test_a_port_in_use_by_something_else_is_a_problem(config: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        code, findings = check(config, "--no-dns")
    assert code == 1
    (found,) = problems(findings)
    assert "another program listens there" in found["text"]


def test_beside_the_running_service_its_ports_are_no_problem(config: Path) -> None:
    api_port = free_port()
    config.write_text(config.read_text().replace("127.0.0.1:0", f"127.0.0.1:{api_port}"))
    with Service(config):
        code, findings = check(config, "--no-dns")
        assert code == 0, findings
        texts = [found["text"] for found in findings if found["level"] == "note"]
        assert any("answers DNS at" in text for text in texts)
        assert any("the API: the running service uses" in text for text in texts)


def test_databases_that_cannot_be_used_are_problems(config: Path) -> None:
    database = config.parent / "challenge.db"
    database.write_bytes(b"nonsense" * 100)
    (found,) = problems(check(config, "--no-dns")[1])
    assert found["subject"] == "database"
    database.write_bytes(b"")  # a start would begin with it
    assert not problems(check(config, "--no-dns")[1])
    with sqlite3.connect(database) as connection:
        connection.execute("CREATE TABLE schema_version (component TEXT, number INTEGER)")
        connection.execute("INSERT INTO schema_version VALUES ('challengedns', 999)")
    connection.close()
    (found,) = problems(check(config, "--no-dns")[1])
    assert "newer Zoneproof" in found["text"]


async def test_a_zone_with_registrations_that_would_be_gone_is_noted(config: Path) -> None:
    before = load_config(config)
    (zone,) = before.zones
    opened = open_registrations(before.database, zone=zone.name, value_lifetime=3600)
    await opened.register()
    await RememberedZones().remember(opened.database, before)
    await opened.close()
    config.write_text(config.read_text().replace("auth.example.org", "acme.example.org"))
    code, findings = check(config, "--no-dns")
    assert code == 0
    (found,) = [each for each in findings if each["subject"] == "zones"]
    assert found["level"] == "note"
    assert "no longer answered in auth.example.org, where they were" in found["text"]
    assert "(registrations: 1)" in found["text"]


@pytest.mark.parametrize(
    ("version", "is_told"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 53, 0), False),
    ],
)
def test_a_sqlite_with_a_fault_that_matters_here_is_noted(
    version: tuple[int, int, int], is_told: bool
) -> None:
    found = list(check_engine(version))
    assert len(found) == is_told
    for each in found:
        assert each.level is Level.NOTE
        assert each.text.startswith(f"SQLite {'.'.join(map(str, version))} ")


@pytest.mark.parametrize(
    ("database", "is_told"), [("", True), ('database = "postgresql://127.0.0.1:1/x"', False)]
)
def test_a_node_does_not_hear_of_a_fault_that_only_a_shared_sqlite_has(
    config: Path, monkeypatch: pytest.MonkeyPatch, database: str, is_told: bool
) -> None:
    config.write_text(f"{database}\n{config.read_text()}")
    monkeypatch.setattr("zoneproof.challengedns.runtime.check.ENGINE_VERSION", (3, 40, 1))
    found = check_machine(load_config(config), ()).findings
    assert any(each.text.startswith("SQLite 3.40.1 has a bug") for each in found) == is_told


def test_certificate_files_are_looked_into(config: Path, port: int) -> None:
    tls = 'tls = "file"\ncertificate = "cert.pem"\nkey = "key.pem"'
    config.write_text(CONFIG.format(port=port, api=tls))
    (found,) = problems(check(config, "--no-dns")[1])
    assert "cert.pem" in found["text"]
    write_certificate(config.parent, "api.auth.example.org")
    code, findings = check(config, "--no-dns")
    assert code == 0
    assert any("is valid until" in found["text"] for found in findings)


@pytest.mark.parametrize(
    ("days", "said"),
    [((-90, -1), "expired at"), ((-87, 3), "expires at"), ((1, 90), "is not valid before")],
)
def test_a_certificate_that_clients_refuse_is_noted_and_keeps_nobody_from_starting(
    config: Path, port: int, days: tuple[float, float], said: str
) -> None:
    tls = 'tls = "file"\ncertificate = "cert.pem"\nkey = "key.pem"'
    config.write_text(CONFIG.format(port=port, api=tls))
    write_certificate(config.parent, "api.auth.example.org", days=days)
    code, findings = check(config, "--no-dns")
    assert code == 0
    (found,) = [each for each in findings if each["subject"] == "certificate"]
    assert found["level"] == "note"
    assert f"cert.pem {said}" in found["text"]
    assert found["text"].endswith("replace it, then reload the service")


def test_tls_auto_needs_the_terms_and_an_address(config: Path, port: int) -> None:
    tls = 'tls = "auto"\ndomain = "api.auth.example.org"'
    config.write_text(CONFIG.format(port=port, api=tls))
    terms, address = problems(check(config, "--no-dns")[1])
    assert "acme_agree_tos = true" in terms["text"]
    assert "add 'api A" in address["text"]


def test_the_right_delegation_is_called_so(config: Path, tmp_path: Path, port: int) -> None:
    assert not check_dns(config, tmp_path, port, RIGHT)


def test_without_a_delegation_the_records_to_create_are_shown(
    config: Path, tmp_path: Path, port: int
) -> None:
    (found,) = check_dns(config, tmp_path, port, "")
    assert "example.org does not delegate auth.example.org" in found["text"]
    assert found["records"] == RIGHT.split("\n")[1:-1]


@pytest.mark.parametrize(
    ("old", "new", "text", "records"),
    [
        (
            "auth.example.org. 3600 IN NS ns2.auth.example.org.\n",
            "",
            "does not name ns2.auth.example.org",
            ["auth.example.org. 3600 IN NS ns2.auth.example.org."],
        ),
        (
            "auth.example.org. 3600 IN NS ns2.auth.example.org.\n",
            "auth.example.org. NS ns2.auth.example.org.\nauth.example.org. NS old.example.org.\n"
            "old A 127.0.0.9\n",
            "names old.example.org as a server",
            [],
        ),
        (
            "ns2.auth.example.org. 3600 IN A 127.0.0.1\n",
            "",
            "does not give 127.0.0.1 as the address of ns2.auth.example.org (glue)",
            ["ns2.auth.example.org. 3600 IN A 127.0.0.1"],
        ),
        (
            "ns2.auth.example.org. 3600 IN A 127.0.0.1\n",
            "ns2.auth A 127.0.0.1\nns2.auth A 127.0.0.2\n",
            "gives 127.0.0.2 as an address of ns2.auth.example.org",
            [],
        ),
    ],
)
def test_each_fault_of_the_delegation_is_named(
    config: Path, tmp_path: Path, port: int, old: str, new: str, text: str, records: list[str]
) -> None:
    assert old in RIGHT
    (found,) = check_dns(config, tmp_path, port, RIGHT.replace(old, new))
    assert text in found["text"]
    assert found["records"] == records


@pytest.fixture
def running(config: Path) -> Iterator[Service]:
    with Service(config) as service:
        yield service


def test_name_servers_that_answer_are_called_so(
    running: Service, config: Path, tmp_path: Path, port: int
) -> None:
    assert not check_dns(config, tmp_path, port, RIGHT)


def test_a_name_server_that_does_not_answer_is_named(
    running: Service, config: Path, tmp_path: Path, port: int
) -> None:
    config.write_text(config.read_text().replace("ns2 A 127.0.0.1", "ns2 A 127.0.0.99"))
    records = RIGHT.replace(
        "ns2.auth.example.org. 3600 IN A 127.0.0.1", "ns2.auth.example.org. IN A 127.0.0.99"
    )
    (found,) = check_dns(config, tmp_path, port, records)
    assert "ns2.auth.example.org at 127.0.0.99 does not answer" in found["text"]
    assert "firewall" in found["text"]


@pytest.mark.parametrize(
    ("dns", "api", "told"),
    [
        ('"[::]:{port}"', '"[::]:0"', ["'dns.listen': [::]:{port} is IPv6 only", "'api.listen'"]),
        ('"[::]:{port}"', '"127.0.0.1:0"', ["'dns.listen': [::]:{port} is IPv6 only"]),
        ('"[::]:{port}", "127.0.0.1:{port}"', '"127.0.0.1:0"', []),
        ('"[::1]:{port}"', '"[::1]:0"', []),
    ],
)
def test_the_address_of_all_of_ipv6_alone_is_told_to_be_ipv6_only(
    config: Path, port: int, dns: str, api: str, told: list[str]
) -> None:
    text = config.read_text().replace('"127.0.0.1:0"', api.format(port=port))
    config.write_text(text.replace(f'"127.0.0.1:{port}"', dns.format(port=port)))
    _, findings = check(config, "--no-dns")
    remarks = [found["text"] for found in findings if found["subject"] == "addresses"]
    assert len(remarks) == len(told)
    for remark, beginning in zip(remarks, told, strict=True):
        assert remark.startswith(beginning.format(port=port))
        assert "add '0.0.0.0:" in remark
    with Service(config) as service:
        for remark in remarks:
            service.wait_for_line(re.escape(remark))
