"""Packets with signatures, whole and damaged: dnspython writes and reads them."""

from __future__ import annotations

import asyncio

import dns.message
import dns.rcode
import dns.tsig
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.support.challenge_service import make_responder, sample, txt
from zoneproof.challengedns.dns.answers import Responder
from zoneproof.challengedns.dns.secondary import SecondaryData
from zoneproof.challengedns.dns.signatures import SecondaryKeys, SignedQuestion

KEY = dns.tsig.Key("some.key", b"0123456789abcdef0123456789abcdef", "hmac-sha256")
DATA = SecondaryData(
    name="192.0.2.7:53",
    slot=0,
    host="192.0.2.7",
    port=53,
    key="some.key",
    algorithm="hmac-sha256",
    secret=KEY.secret,
    networks=["192.0.2.7/32", "2001:db8::/32"],
    zones=[b"\x04auth\x07example\x03org\0"],
    name_servers=[("192.0.2.7", 53)],
    wait=5.0,
)
KEYS = SecondaryKeys([DATA])
TYPES = ["SOA", "AXFR", "IXFR", "TXT", "ANY"]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Responder, str]:
    config, fulldomain = asyncio.run(sample(tmp_path_factory.mktemp("signed"), values=16))
    return make_responder(config, keys=KEYS), fulldomain


def signed(name: str, rdtype: str, *, edns: bool = True) -> dns.message.Message:
    message = dns.message.make_query(name, rdtype, use_edns=0 if edns else None)
    message.use_tsig(KEY)
    return message


@given(name=st.sampled_from(["auth.example.org", "no.example.net"]), rdtype=st.sampled_from(TYPES))
def test_a_signature_of_dnspython_is_right(name: str, rdtype: str) -> None:
    message = signed(name, rdtype)
    found = KEYS.open(message.to_wire())
    assert isinstance(found, SignedQuestion)
    assert found.key == "some.key"
    plain = dns.message.from_wire(found.packet)
    assert (plain.id, plain.question, plain.had_tsig) == (message.id, message.question, False)


@settings(max_examples=500, deadline=None)
@given(
    rdtype=st.sampled_from(TYPES),
    edns=st.booleans(),
    at=st.integers(2, 400),
    bits=st.integers(1, 255),
)
def test_what_was_changed_on_the_way_is_never_believed(
    world: tuple[Responder, str], rdtype: str, edns: bool, at: int, bits: int
) -> None:
    whole = signed("auth.example.org", rdtype, edns=edns).to_wire()
    packet = bytearray(whole)
    packet[2 + at % (len(packet) - 2)] ^= bits
    assume(packet.lower() != whole.lower())  # names are the same in any case
    assert not isinstance(KEYS.open(bytes(packet)), SignedQuestion)
    for tcp in (False, True):
        reply = world[0].respond(bytes(packet), tcp=tcp)
        assert reply is None or len(reply) >= 12


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 300), st.binary(max_size=40))
def test_no_packet_finds_a_bug(world: tuple[Responder, str], at: int, more: bytes) -> None:
    packet = signed("auth.example.org", "SOA").to_wire()
    cut, rest = packet[: at % len(packet)], packet[at % len(packet) :]
    for each in (cut, cut + more, cut + more + rest, packet + more):
        for tcp in (False, True):
            reply = world[0].respond(each, tcp=tcp)
            assert reply is None or reply[3] & 15 != dns.rcode.SERVFAIL


def test_an_answer_that_is_too_long_with_its_signature_says_ask_by_tcp(
    world: tuple[Responder, str],
) -> None:
    responder, fulldomain = world
    question = signed(fulldomain, "TXT", edns=False)
    packet = question.to_wire()
    short = responder.respond(packet)
    assert short is not None
    assert len(short) <= 512
    reply = dns.message.from_wire(short, keyring=KEY, request_mac=question.mac)
    assert reply.had_tsig
    assert reply.flags & 0x0200
    by_tcp = responder.respond(packet, tcp=True)
    assert by_tcp is not None
    whole = dns.message.from_wire(by_tcp, keyring=KEY, request_mac=question.mac)
    assert len(whole.answer[0]) == 16
    assert whole.answer[0][0].strings[0].decode() in {txt(each) for each in "abcdefghijklmnop"}


@pytest.mark.parametrize(
    ("key", "address", "zone", "may"),
    [
        ("some.key", "192.0.2.7", b"\x04auth\x07example\x03org\0", True),
        ("some.key", "2001:db8::7", b"\x04auth\x07example\x03org\0", True),
        ("some.key", "192.0.2.8", b"\x04auth\x07example\x03org\0", False),
        ("some.key", "192.0.2.7", b"\x07example\x03org\0", False),
        ("other.key", "192.0.2.7", b"\x04auth\x07example\x03org\0", False),
    ],
)
def test_only_what_is_configured_is_permitted(
    key: str, address: str, zone: bytes, *, may: bool
) -> None:
    assert (KEYS.permitted(key, address, zone) is not None) == may


def test_no_secret_is_shown() -> None:
    assert "0123456789" not in repr(DATA)
