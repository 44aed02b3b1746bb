"""Each real server starts, answers and ends."""

from __future__ import annotations

import socket
import ssl
import subprocess
import urllib.request
from collections import deque
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import pytest

from tests.support.inner_pytest import COMMAND, ENVIRONMENT
from tests.support.name_servers import add_txt
from tests.support.peers.bind import Bind
from tests.support.peers.knot import Knot
from tests.support.peers.knot_secondary import KnotSecondary
from tests.support.peers.unbound import Unbound
from zoneproof.testing.pebble import Pebble
from zoneproof.testing.ports import free_port

ZONE = """$ORIGIN example.com.
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
ns1 A 127.0.0.1
"""


@pytest.mark.parametrize("server", [Knot, Bind])
def test_authoritative_servers_answer_for_their_zone(
    server: type[Knot | Bind], tmp_path: Path
) -> None:
    with server(tmp_path, {"example.com": ZONE}) as peer:
        question = dns.message.make_query("example.com", "SOA")
        reply = dns.query.udp(question, peer.address, port=peer.port, timeout=5)
        assert reply.rcode() == dns.rcode.NOERROR
        assert reply.answer


def test_a_secondary_learns_of_changes_when_it_is_told_to(tmp_path: Path) -> None:
    with Knot(tmp_path / "primary", {"example.com": ZONE}) as primary:
        source = f"{primary.address}@{primary.port}"
        with KnotSecondary(
            tmp_path / "secondary", "example.com", source, address="127.0.0.1", port=free_port()
        ) as secondary:
            secondary.refresh()
            add_txt(primary, "example.com", "new.example.com", "x")
            question = dns.message.make_query("new.example.com", "TXT")

            def ask() -> dns.message.Message:
                return dns.query.udp(question, secondary.address, port=secondary.port, timeout=5)

            assert ask().rcode() == dns.rcode.NXDOMAIN
            secondary.refresh()
            assert ask().answer


def test_unbound_asks_the_authoritative_server(tmp_path: Path) -> None:
    with (
        Knot(tmp_path / "knot", {"example.com": ZONE}) as knot,
        Unbound(tmp_path / "unbound", {"example.com": [f"127.0.0.1@{knot.port}"]}) as unbound,
    ):
        question = dns.message.make_query("ns1.example.com", "A")
        reply = dns.query.udp(question, unbound.address, port=unbound.port, timeout=5)
        assert [str(record) for record in reply.answer[0]] == ["127.0.0.1"]


def test_pebble_serves_its_directory(tmp_path: Path) -> None:
    with Pebble(tmp_path) as pebble:
        context = ssl.create_default_context(cafile=str(pebble.ca_bundle))
        with urllib.request.urlopen(pebble.directory_url, context=context, timeout=5) as reply:
            assert b"newOrder" in reply.read()


def test_a_pebble_is_stuck_if_only_its_directory_answers(tmp_path: Path) -> None:
    class HalfSilent(Pebble):
        management_url = ""

    with HalfSilent(tmp_path) as pebble, socket.create_server(("127.0.0.1", 0)) as silent:
        pebble.management_url = f"https://127.0.0.1:{silent.getsockname()[1]}"
        assert pebble.is_stuck(0.5)
        pebble.management_url = f"https://127.0.0.1:{pebble.management_port}"
        assert not pebble.is_stuck()
    assert not pebble.is_stuck()


def test_a_pebble_that_had_nothing_to_validate_for_an_order_is_found_out() -> None:
    class Saying(Pebble):
        def __init__(self, *lines: str) -> None:
            self.lines = deque(lines)

    order = "Pebble 2026/11/29 00:00:00 POST /order-plz -> calling handler()"
    authorization = "Pebble 2026/11/29 00:00:00 There are now 7 authorizations in the db"
    done = "Pebble 2026/11/29 00:00:00 There are now 5 orders in the db"
    assert not Saying(
        done, order, order, authorization, authorization, done
    ).has_reused_authorization()
    assert Saying(order, authorization, done, order, done).has_reused_authorization()


@pytest.mark.parametrize("options", [[], ["--processes=2"]], ids=["alone", "in a process"])
def test_a_test_whose_pebble_was_stuck_is_run_again_with_a_fresh_one(
    tmp_path: Path, options: list[str]
) -> None:
    module = tmp_path / "test_stuck.py"
    module.write_text("""
import pytest
from zoneproof.testing.pebble import Pebble

made = []

class Once(Pebble):
    lines = ()

    def __init__(self):
        made.append(self)

    def is_stuck(self, seconds=10.0):
        return len(made) == 1

@pytest.fixture(scope="module")
def pebble():
    return Once()

def test_first(pebble):
    assert len(made) == 2

def test_second(pebble):
    assert len(made) == 2
    assert made[1] is pebble

def test_third(pebble):
    raise ValueError
""")
    done = subprocess.run(
        [
            *(*COMMAND, "-p", "tests.support.processes"),
            *("-p", "tests.conftest", f"--rootdir={tmp_path}", str(module), *options),
        ],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "test_first was run again with a fresh Pebble" in done.stdout
    assert "1 failed, 2 passed, 1 Pebble again" in done.stdout, done.stdout
