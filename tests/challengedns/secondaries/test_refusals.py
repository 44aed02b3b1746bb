"""Who gets a transfer, and what everybody else is told: dnspython is the client."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import dns.exception
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.xfr
import dns.zone
import pytest

from tests.support.challenge_service import open_for, register, txt, update
from tests.support.hidden_primary import HiddenPrimary
from tests.support.secondaries import ALGORITHM, OTHER_SECRET, SECRET
from zoneproof.challengedns.config import load_config
from zoneproof.testing.ports import free_port

ZONE = "auth.example.org"
SECTIONS = """
[[secondaries]]
address = "127.0.0.1:{port}"
key = "ours"
secret = "{secret}"
zones = ["auth.example.org"]
wait = "1s"
[[secondaries]]
address = "127.0.0.2:{port}"
key = "elsewhere"
secret = "{secret}"
transfer_from = ["192.0.2.0/24"]
wait = "1s"
"""


@pytest.fixture(scope="module")
def primary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HiddenPrimary]:
    more = SECTIONS.format(port=free_port(), secret=SECRET)
    with HiddenPrimary(tmp_path_factory.mktemp("primary"), more=more) as running:
        yield running


def key(name: str = "ours", secret: str = SECRET, algorithm: str = ALGORITHM) -> dns.tsig.Key:
    return dns.tsig.Key(name, secret, algorithm)


def transferred(primary: HiddenPrimary, zone: dns.zone.Zone, signed: dns.tsig.Key | None) -> None:
    question, _ = dns.xfr.make_query(zone, keyring=signed)
    dns.query.inbound_xfr("127.0.0.1", zone, question, port=primary.port, timeout=10, lifetime=20)


def answer(
    primary: HiddenPrimary,
    signed: dns.tsig.Key | None,
    rdtype: str = "AXFR",
    zone: str = ZONE,
    *,
    tcp: bool = True,
) -> bytes:
    """Return what the service answers, unchecked."""
    question = dns.message.make_query(zone, rdtype)
    if signed is not None:
        question.use_tsig(signed)
    return raw(primary, question.to_wire(), tcp=tcp)


def raw(primary: HiddenPrimary, packet: bytes, *, tcp: bool = True) -> bytes:
    kind = socket.SOCK_STREAM if tcp else socket.SOCK_DGRAM
    with socket.socket(socket.AF_INET, kind) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", primary.port))
        sock.sendall((len(packet).to_bytes(2, "big") if tcp else b"") + packet)
        if not tcp:
            return sock.recv(4096)
        data = b""
        while len(data) < 2 or len(data) < 2 + int.from_bytes(data[:2], "big"):
            data += sock.recv(65536) or pytest.fail("closed")
        return data[2:]


def unchecked(reply: bytes) -> dns.message.Message:
    return dns.message.from_wire(reply, keyring=False)


def codes(reply: bytes) -> tuple[int, int | None]:
    """Return the code of an answer and the error of its TSIG record, if it has one."""
    message = unchecked(reply)
    return message.rcode(), message.tsig[0].error if message.tsig else None


def test_a_permitted_transfer_holds_what_the_service_answers(primary: HiddenPrimary) -> None:
    account = register(primary.service.url)
    assert update(primary.service.url, account, txt("a")).status == 200
    zone = dns.zone.Zone(ZONE, relativize=False)
    transferred(primary, zone, key())
    served = primary.service.ask(ZONE, "SOA").answer[0]
    assert zone.find_rdataset(ZONE + ".", "SOA")[0] == served[0]
    for name in (account.fulldomain, f"www.{ZONE}"):
        (rrset,) = primary.service.ask(name).answer
        assert set(zone.find_rdataset(name + ".", "TXT")) == set(rrset)
    # From there only the difference comes.
    assert update(primary.service.url, account, txt("b")).status == 200
    serial = zone.find_rdataset(ZONE + ".", "SOA")[0].serial
    messages = list(
        dns.query.xfr(
            "127.0.0.1",
            ZONE,
            "IXFR",
            port=primary.port,
            serial=serial,
            keyring={dns.name.from_text("ours"): key()},
            keyname="ours",
            relativize=False,
        )
    )
    records = [(rrset.rdtype, str(rrset[0])) for message in messages for rrset in message.answer]
    assert len(records) == 5
    assert records[3] == (dns.rdatatype.TXT, f'"{txt("b")}"')


def test_everybody_else_is_refused(primary: HiddenPrimary) -> None:
    refused, notauth = int(dns.rcode.REFUSED), int(dns.rcode.NOTAUTH)
    for rdtype in ("AXFR", "IXFR"):
        assert codes(answer(primary, None, rdtype)) == (refused, None)
        assert codes(answer(primary, key("unknown"), rdtype)) == (notauth, dns.rcode.BADKEY)
        assert codes(answer(primary, key(secret=OTHER_SECRET), rdtype)) == (
            notauth,
            dns.rcode.BADSIG,
        )
        other = key(algorithm="hmac-sha512")
        assert codes(answer(primary, other, rdtype)) == (notauth, dns.rcode.BADKEY)
        # The key is right, and comes from an address that is not its own, or for another zone.
        assert codes(answer(primary, key("elsewhere"), rdtype)) == (refused, 0)
        assert codes(answer(primary, key(), rdtype, "example.com")) == (refused, 0)
        assert codes(answer(primary, key(), rdtype, f"www.{ZONE}")) == (refused, 0)
    assert codes(answer(primary, key(), "AXFR", tcp=False)) == (refused, 0)


def test_a_clock_that_is_wrong_is_told_the_time(
    primary: HiddenPrimary, monkeypatch: pytest.MonkeyPatch
) -> None:
    question = dns.message.make_query(ZONE, "AXFR")
    question.use_tsig(key())
    now = time.time()
    with monkeypatch.context() as patched:
        patched.setattr(time, "time", lambda: now - 3600)
        packet = question.to_wire()
    reply = raw(primary, packet)
    message = unchecked(reply)
    assert message.rcode() == dns.rcode.NOTAUTH
    assert message.tsig is not None
    signature = message.tsig[0]
    assert signature.error == dns.rcode.BADTIME
    assert abs(int.from_bytes(signature.other, "big") - now) < 60
    assert len(signature.mac) == 32


def test_signed_questions_get_signed_answers(primary: HiddenPrimary) -> None:
    for tcp in (False, True):
        for rdtype, name in (("SOA", ZONE), ("TXT", f"www.{ZONE}"), ("TXT", f"no.{ZONE}")):
            question = dns.message.make_query(name, rdtype, use_edns=0, payload=1232)
            question.use_tsig(key())
            query = dns.query.tcp if tcp else dns.query.udp
            reply = query(question, "127.0.0.1", port=primary.port, timeout=10)
            assert reply.had_tsig
            assert bool(reply.answer) == (name != f"no.{ZONE}")
    # By UDP an IXFR is answered with the SOA alone, which says: ask by TCP.
    question = dns.message.make_query(ZONE, "IXFR")
    question.use_tsig(key())
    reply = dns.query.udp(question, "127.0.0.1", port=primary.port, timeout=10)
    assert [rrset.rdtype for rrset in reply.answer] == [dns.rdatatype.SOA]


def test_what_cannot_be_read_is_told_so(primary: HiddenPrimary) -> None:
    question = dns.message.make_query(ZONE, "AXFR")
    question.use_tsig(key())
    packet = question.to_wire()
    start = packet.index(b"\x04ours\0\0\xfa")
    twice = packet[:10] + b"\0\2" + packet[12:] + packet[start:]
    assert codes(raw(primary, twice))[0] == dns.rcode.FORMERR
    beyond = packet + b"more"
    assert codes(raw(primary, beyond))[0] == dns.rcode.FORMERR
    # An IXFR has to say what is known already.
    assert codes(answer(primary, key(), "IXFR")) == (dns.rcode.FORMERR, 0)


def test_those_that_do_not_read_a_large_zone_hold_up_nobody(tmp_path: Path) -> None:
    primary = HiddenPrimary(tmp_path, more=SECTIONS.format(port=free_port(), secret=SECRET))
    fill(primary, 5000)
    with primary:
        account = register(primary.service.url)
        question = dns.message.make_query(ZONE, "AXFR")
        question.use_tsig(key())
        packet = question.to_wire()
        asked = (len(packet).to_bytes(2, "big") + packet) * 20
        greedy = [socket.create_connection(("127.0.0.1", primary.port)) for _ in range(12)]
        try:
            for each in greedy:
                each.sendall(asked)
            assert update(primary.service.url, account, txt("c")).status == 200
            assert primary.service.texts(account.fulldomain, tcp=True) == [txt("c")]
            zone = dns.zone.Zone(ZONE, relativize=False)
            transferred(primary, zone, key())
            assert zone.find_rdataset(account.fulldomain + ".", "TXT")
            assert len(zone.nodes) > 5000
        finally:
            for each in greedy:
                each.close()


def fill(primary: HiddenPrimary, count: int) -> None:
    """Make a database with so many registrations that have a value."""
    registrations = open_for(load_config(primary.config))
    asyncio.run(registrations.close())
    with closing(sqlite3.connect(primary.config.with_name("challenge.db"))) as database:
        for number in range(count):
            subdomain = str(uuid.UUID(int=number))
            database.execute(
                "INSERT INTO challenge_registration VALUES (?, ?, ?, '[]', '', NULL, 0, 0)",
                [subdomain, subdomain, "0" * 64],
            )
            database.execute(
                "INSERT INTO challenge_value VALUES (?, ?, ?, ?)",
                [subdomain, txt("v"), 2**40, number],
            )
        database.commit()


def test_a_question_before_the_transfer_is_answered_first(primary: HiddenPrimary) -> None:
    soa = dns.message.make_query(ZONE, "SOA")
    soa.use_tsig(key())
    transfer = dns.message.make_query(ZONE, "AXFR")
    transfer.use_tsig(key())
    after = dns.message.make_query(ZONE, "SOA")
    after.use_tsig(key())
    with socket.create_connection(("127.0.0.1", primary.port), timeout=10) as sock:
        for message in (soa, transfer, after):
            dns.query.send_tcp(sock, message.to_wire())
        ids = []
        while after.id not in ids:
            length = int.from_bytes(sock.recv(2, socket.MSG_WAITALL), "big")
            ids.append(int.from_bytes(sock.recv(length, socket.MSG_WAITALL)[:2], "big"))
    assert ids == [soa.id, transfer.id, after.id]
