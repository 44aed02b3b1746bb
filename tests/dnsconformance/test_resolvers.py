"""Unbound, set up in the ways of CAs, finds what the service publishes; and TCP as it uses it."""

from __future__ import annotations

import random
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import dns.flags
import dns.message
import dns.query
import dns.rcode
import pytest

from tests.support.challenge_service import (
    ZONE,
    Account,
    Service,
    register,
    texts,
    txt,
    update,
    write_config,
)
from tests.support.peers.knot import Knot
from tests.support.peers.unbound import Unbound
from tests.support.world import zone_text

PARENT = "parent.example.net"
MANY = "abcdefghijklmnop"


class Setting(Unbound):
    """A resolver with lines added to its ``server:`` section."""

    def __init__(self, folder: Path, stubs: dict[str, list[str]], lines: str) -> None:
        super().__init__(folder, stubs)
        path = folder / "unbound.conf"
        path.write_text(path.read_text().replace("server:\n", f"server:\n{lines}\n", 1))


SETTINGS = {
    # With tests.support.peers.unbound: mixed case in every question, 1232 bytes, no cache.
    "as Let's Encrypt": "",
    "TCP only": "tcp-upstream: yes",
    "512 bytes": "edns-buffer-size: 512",
    "strict minimisation": "qname-minimisation: yes\nqname-minimisation-strict: yes",
    "no minimisation": "qname-minimisation: no",
    "NXDOMAIN counts for all below": "harden-below-nxdomain: yes\nqname-minimisation: yes",
    "wants DNSSEC and more": "module-config: 'validator iterator'\nharden-large-queries: yes",
}


class Found(NamedTuple):
    """What stands in the DNS: registrations with two values, with sixteen and without any."""

    service: Service
    knot: Knot
    two: Account
    many: Account
    empty: Account


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Found]:
    folder = tmp_path_factory.mktemp("servers")
    with Service(write_config(folder)) as service:
        two, many, empty = (register(service.url) for _ in range(3))
        for account, letters in ((two, "ab"), (many, MANY)):
            for letter in letters:
                assert update(service.url, account, txt(letter)).status == 200
        parent = zone_text(
            PARENT,
            f"_acme-challenge.two CNAME {two.fulldomain}.",
            f"_acme-challenge.many CNAME {many.fulldomain}.",
            f"_acme-challenge.empty CNAME {empty.fulldomain}.",
            f"_acme-challenge.nowhere CNAME missing.{ZONE}.",
        )
        with Knot(folder / "knot", {PARENT: parent}) as knot:
            yield Found(service, knot, two, many, empty)


@pytest.fixture(scope="module", params=SETTINGS)
def resolver(
    found: Found, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Unbound]:
    stubs = {
        ZONE: [f"127.0.0.1@{found.service.dns_port}"],
        PARENT: [f"127.0.0.1@{found.knot.port}"],
    }
    folder = tmp_path_factory.mktemp("unbound")
    with Setting(folder, stubs, SETTINGS[request.param]) as running:
        yield running


def resolve(resolver: Unbound, name: str, rdtype: str = "TXT") -> dns.message.Message:
    question = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
    reply, _ = dns.query.udp_with_fallback(question, resolver.address, 10, resolver.port)
    return reply


def challenge(name: str) -> str:
    return f"_acme-challenge.{name}.{PARENT}"


def test_all_values_are_found_through_a_cname_each_time(found: Found, resolver: Unbound) -> None:
    # Unbound draws another mixture of cases for each of these.
    for _ in range(10):
        assert texts(resolve(resolver, challenge("two"))) == [txt("a"), txt("b")]
    assert texts(resolve(resolver, challenge("many"))) == [txt(letter) for letter in MANY]


def test_a_value_is_found_at_once_after_the_name_was_empty(found: Found, resolver: Unbound) -> None:
    account = register(found.service.url)
    assert resolve(resolver, account.fulldomain).rcode() == dns.rcode.NOERROR
    for letter in "xyz":
        assert update(found.service.url, account, txt(letter)).status == 200
        assert txt(letter) in texts(resolve(resolver, account.fulldomain))


@pytest.mark.parametrize(
    ("name", "rdtype", "rcode"),
    [
        (challenge("empty"), "TXT", dns.rcode.NOERROR),
        (challenge("two"), "CAA", dns.rcode.NOERROR),
        (challenge("nowhere"), "TXT", dns.rcode.NXDOMAIN),
        (f"_acme-challenge.{ZONE}", "TXT", dns.rcode.NXDOMAIN),
        (f"c.{ZONE}", "TXT", dns.rcode.NOERROR),
    ],
)
def test_what_is_not_there_is_an_answer_and_no_failure(
    resolver: Unbound, name: str, rdtype: str, rcode: dns.rcode.Rcode
) -> None:
    reply = resolve(resolver, name, rdtype)
    assert reply.rcode() == rcode
    assert not texts(reply)


def test_names_below_empty_ones_are_found(resolver: Unbound) -> None:
    assert texts(resolve(resolver, f"a.b.c.{ZONE}")) == ["deep"]
    assert texts(resolve(resolver, f"x.y.wild.{ZONE}")) == ["from the wildcard"]


def test_questions_pipelined_on_one_connection_each_get_their_answer(found: Found) -> None:
    names = [found.two.fulldomain, found.many.fulldomain, found.empty.fulldomain, ZONE, "net"]
    random_ = random.Random(0)
    questions = {}
    stream = b""
    for number in range(300):
        question = dns.message.make_query(random_.choice(names), "TXT", id=number)
        questions[number] = question
        wire = question.to_wire()
        stream += len(wire).to_bytes(2, "big") + wire
    with (
        socket.create_connection(("127.0.0.1", found.service.dns_port), timeout=10) as connection,
        connection.makefile("rb") as received,
    ):
        while stream:
            part = random_.randrange(1, 400)
            connection.sendall(stream[:part])
            stream = stream[part:]
        while questions:
            reply = dns.message.from_wire(received.read(int.from_bytes(received.read(2), "big")))
            assert questions.pop(reply.id).is_response(reply)
            assert not reply.flags & dns.flags.TC
