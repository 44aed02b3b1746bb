"""Any packet gets an answer of the right form, or none; both paths answer the same."""

from __future__ import annotations

import asyncio
import functools
import struct

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.challenge_service import make_responder, sample, txt
from zoneproof.challengedns.dns import answers
from zoneproof.challengedns.dns.answers import Responder

KNOWN = [
    "auth.example.org",
    "ns1.auth.example.org",
    "www.auth.example.org",
    "b.c.auth.example.org",
    "x.wild.auth.example.org",
    "alias.example.com",
    "outside.example.com",
    "loop1.example.com",
    "inner.deep.example.com",
    "00000000-0000-4000-8000-000000000000.auth.example.org",
    "elsewhere.net",
    ".",
]
TYPES = [1, 2, 5, 6, 13, 16, 28, 41, 43, 65, 249, 250, 251, 252, 255, 257, 65280]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Responder, str]:
    config, fulldomain = asyncio.run(sample(tmp_path_factory.mktemp("packets")))
    return make_responder(config), fulldomain


def mix_case(name: str, bits: int) -> str:
    """Return the name with capitals where bits are set."""
    return "".join(
        char.upper() if bits >> (index % 64) & 1 else char for index, char in enumerate(name)
    )


# Made once: making a strategy takes longer than drawing from it.
_BITS = st.integers(0, 2**64 - 1)
_TYPES = st.sampled_from([dns.rdatatype.RdataType.make(each) for each in TYPES])
_CLASSES = st.sampled_from([1, 1, 1, 3, 254, 255]).map(dns.rdataclass.RdataClass.make)
_IDS = st.integers(0, 65535)
_FLAGS = st.sampled_from([0, 0x0100, 0x0110, 0x0120, 0x0010, 0x0400, 0x0200, 0x0040])
_OPCODES = st.sampled_from([0, 0, 0, 0, 1, 2, 4, 5, 15]).map(dns.opcode.Opcode)
_EDNS_VERSIONS = st.sampled_from([0, 0, 0, 1, 255])
_EDNS_FLAGS = st.sampled_from([0, 0x8000, 0x4000])
_PAYLOADS = st.sampled_from([0, 511, 512, 600, 1232, 4096, 65535])
_OPTIONS = st.lists(
    st.builds(
        dns.edns.GenericOption,
        st.sampled_from([3, 8, 10, 12, 65001]).map(dns.edns.OptionType.make),
        st.binary(max_size=9),
    ),
    max_size=2,
)
_DAMAGES = st.sampled_from(["change", "cut", "insert", "pointer", "count"])
_HOW_MANY = st.integers(1, 4)
_INSERTED = st.binary(min_size=1, max_size=20)


@st.composite
def questions(draw: st.DrawFn, names: st.SearchStrategy[str]) -> bytes:
    """Well-formed questions of every kind that comes to mind."""
    message = dns.message.make_query(
        mix_case(draw(names), draw(_BITS)),
        draw(_TYPES),
        rdclass=draw(_CLASSES),
        id=draw(_IDS),
        flags=draw(_FLAGS),
    )
    message.set_opcode(draw(_OPCODES))
    if draw(st.booleans()):
        options: list[dns.edns.Option] = []
        if draw(st.booleans()):
            options.extend(draw(_OPTIONS))
        message.use_edns(
            edns=draw(_EDNS_VERSIONS),
            ednsflags=draw(_EDNS_FLAGS),
            payload=draw(_PAYLOADS),
            options=options,
        )
    return message.to_wire()


@st.composite
def damaged(draw: st.DrawFn, packets: st.SearchStrategy[bytes]) -> bytes:
    """Packets with bytes changed, cut off, added, or turned into pointers."""
    packet = bytearray(draw(packets))
    for _ in range(draw(_HOW_MANY)):
        place = draw(st.integers(0, max(len(packet) - 1, 0)))
        kind = draw(_DAMAGES)
        if kind == "change" and packet:
            packet[place] = draw(st.integers(0, 255))
        elif kind == "cut":
            del packet[place:]
        elif kind == "insert":
            packet[place:place] = draw(_INSERTED)
        elif kind == "pointer":
            packet[place : place + 2] = struct.pack("!H", 0xC000 | draw(st.integers(0, 64)))
        elif len(packet) >= 12:
            packet[4:12] = struct.pack("!4H", *(draw(st.integers(0, 3)) for _ in range(4)))
    return bytes(packet)


@functools.cache
def questions_for(*names: str) -> st.SearchStrategy[bytes]:
    return questions(st.sampled_from(names))


@functools.cache
def damaged_for(*names: str) -> st.SearchStrategy[bytes]:
    return damaged(questions_for(*names))


@functools.cache
def both_for(*names: str) -> st.SearchStrategy[bytes]:
    return st.one_of(questions_for(*names), damaged_for(*names))


def check_form(packet: bytes, reply: bytes | None, limit: int) -> None:
    if len(packet) < 12 or packet[2] & 0x80:
        assert reply is None
        return
    assert reply is not None
    assert len(reply) <= limit
    assert reply[:2] == packet[:2]
    message = dns.message.from_wire(reply)
    assert message.flags & dns.flags.QR
    assert not message.flags & dns.flags.RA
    assert message.opcode() == (packet[2] >> 3) & 0xF
    assert bool(message.flags & dns.flags.RD) == bool(packet[2] & 1)
    if message.question:
        end = 12 + len(message.question[0].name.to_wire() or b"") + 4
        assert reply[12:end] == packet[12:end]


@settings(max_examples=400, deadline=None)
@given(packet=st.binary(max_size=600), tcp=st.booleans())
def test_random_bytes_get_an_answer_of_the_right_form_or_none(
    world: tuple[Responder, str], packet: bytes, tcp: bool
) -> None:
    responder, _ = world
    check_form(packet, responder.respond(packet, tcp=tcp), 65535 if tcp else 1232)


@settings(max_examples=600, deadline=None)
@given(data=st.data(), tcp=st.booleans())
def test_damaged_questions_get_an_answer_of_the_right_form_or_none(
    world: tuple[Responder, str], data: st.DataObject, tcp: bool
) -> None:
    responder, fulldomain = world
    packet = data.draw(damaged_for(*KNOWN, fulldomain, f"x.{fulldomain}"))
    check_form(packet, responder.respond(packet, tcp=tcp), 65535 if tcp else 1232)
    gated = responder.truncated(packet)
    check_form(packet, gated, 512)


@pytest.fixture(scope="module", params=[2, 9, 16], ids="{} values".format)
def short_and_long(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Responder, str]:
    config, fulldomain = asyncio.run(sample(tmp_path_factory.mktemp("packets"), request.param))
    return make_responder(config), fulldomain


@settings(max_examples=400, deadline=None)
@given(data=st.data(), tcp=st.booleans())
def test_the_fast_path_answers_byte_for_byte_what_the_slow_one_does(
    short_and_long: tuple[Responder, str], data: st.DataObject, tcp: bool
) -> None:
    responder, fulldomain = short_and_long
    ask = dns.message.make_query(fulldomain, "TXT").to_wire()
    assert responder.respond(ask)
    packet = data.draw(both_for(fulldomain))
    assert responder.respond(packet, tcp=tcp) == responder._respond_unusual(packet, tcp)


def test_resolvers_that_offer_many_sizes_get_the_right_answers_from_little_memory(
    short_and_long: tuple[Responder, str],
) -> None:
    responder, fulldomain = short_and_long
    asks = [
        dns.message.make_query(fulldomain, "TXT", use_edns=0, payload=size).to_wire()
        for size in range(500, 1300)
    ]
    for ask in [*asks, *asks]:
        assert responder.respond(ask) == responder._respond_unusual(ask, False)
    assert len(answers._frames_with_edns) <= 256


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_ordinary_questions_get_the_answer_that_dnspython_would_write(
    world: tuple[Responder, str], data: st.DataObject
) -> None:
    responder, fulldomain = world
    name = mix_case(fulldomain, data.draw(st.integers(0, 2**64 - 1)))
    edns = data.draw(st.sampled_from([None, 0]))
    query = dns.message.make_query(
        name,
        "TXT",
        use_edns=edns,
        payload=data.draw(st.integers(0, 65535)) if edns == 0 else None,
        want_dnssec=data.draw(st.booleans()) if edns == 0 else False,
        flags=data.draw(st.sampled_from([0, dns.flags.RD, dns.flags.RD | dns.flags.CD])),
    )
    expected = dns.message.make_response(query, our_payload=1232)
    expected.flags = (expected.flags | dns.flags.AA) & ~dns.flags.CD
    expected.answer.append(dns.rrset.from_text(f"{name}.", 1, "IN", "TXT", txt("a"), txt("b")))
    wire = responder.respond(query.to_wire())
    assert wire is not None
    reply = dns.message.from_wire(wire)
    assert reply == expected
    assert reply.flags == expected.flags
    assert reply.edns == expected.edns
    assert reply.ednsflags == query.ednsflags & dns.flags.DO
    assert reply.question[0].name.to_wire() == query.question[0].name.to_wire()
    assert reply.answer[0].ttl == 1
    assert len(wire) <= len(expected.to_wire())


def header(**counts: int) -> bytes:
    order = ("questions", "answers", "authorities", "additionals")
    return struct.pack("!6H", 7, 0, *(counts.get(name, 0) for name in order))


NAME = b"\x03www\x04auth\x07example\x03org\0"


@pytest.mark.parametrize(
    ("packet", "rcode"),
    [
        pytest.param(header(), dns.rcode.FORMERR, id="no question"),
        pytest.param(
            header(questions=2) + (NAME + b"\0\x10\0\1") * 2, dns.rcode.FORMERR, id="two questions"
        ),
        pytest.param(
            header(questions=1) + b"\xc0\x0c\0\x10\0\1", dns.rcode.FORMERR, id="pointer to itself"
        ),
        pytest.param(
            header(questions=1) + b"\xc0\x00\0\x10\0\1", dns.rcode.FORMERR, id="pointer to header"
        ),
        pytest.param(
            header(questions=1) + b"\x41" + b"a" * 65 + b"\0\0\x10\0\1",
            dns.rcode.FORMERR,
            id="label of 65 bytes",
        ),
        pytest.param(
            header(questions=1) + (b"\x3f" + b"a" * 63) * 4 + b"\0\0\x10\0\1",
            dns.rcode.FORMERR,
            id="name of 257 bytes",
        ),
        pytest.param(
            header(questions=1) + NAME + b"\0\x10\0\1junk", dns.rcode.FORMERR, id="bytes at the end"
        ),
        pytest.param(
            header(questions=1, additionals=1) + NAME + b"\0\x10\0\1",
            dns.rcode.FORMERR,
            id="no OPT",
        ),
        pytest.param(
            header(questions=1, additionals=2)
            + NAME
            + b"\0\x10\0\1"
            + b"\0\0\x29\x04\xd0\0\0\0\0\0\0" * 2,
            dns.rcode.FORMERR,
            id="two OPT records",
        ),
        pytest.param(
            header(questions=1, additionals=1)
            + NAME
            + b"\0\x10\0\1"
            + b"\0\0\x29\x04\xd0\0\0\0\0\0\5\0\x0a\0\x08x",
            dns.rcode.FORMERR,
            id="option longer than its record",
        ),
        pytest.param(
            header(questions=1, additionals=1)
            + NAME
            + b"\0\x10\0\1"
            + b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4\x7f\0\0\1",
            dns.rcode.NOERROR,
            id="an additional record that means nothing to us",
        ),
    ],
)
def test_malformed_questions_get_formerr(
    world: tuple[Responder, str], packet: bytes, rcode: int
) -> None:
    responder, _ = world
    reply = responder.respond(packet)
    assert reply is not None
    assert dns.message.from_wire(reply).rcode() == rcode


OPT = b"\0\0\x29\x04\xd0\0\0\x80\0\0\0"
QUESTION = NAME + b"\0\x10\0\1"


@pytest.mark.parametrize(
    ("packet", "has_opt"),
    [
        pytest.param(header(additionals=1) + OPT, True, id="no question"),
        pytest.param(header(questions=2, additionals=1) + QUESTION * 2 + OPT, True, id="two"),
        pytest.param(header(questions=1, additionals=2) + QUESTION + OPT * 2, True, id="two OPT"),
        pytest.param(header(questions=1, additionals=1) + QUESTION + OPT + b"x", True, id="more"),
        pytest.param(
            header(questions=1, additionals=2) + QUESTION + OPT + b"\0\0", True, id="cut off behind"
        ),
        pytest.param(header(questions=1, additionals=1) + QUESTION + OPT[:-1], False, id="cut off"),
        pytest.param(header(questions=1, answers=1) + QUESTION + OPT, False, id="as an answer"),
        pytest.param(header(questions=2) + QUESTION * 2, False, id="none"),
        pytest.param(
            header(questions=1, additionals=1) + b"\xc0\x0c\0\x10\0\1" + OPT, True, id="a pointer"
        ),
        pytest.param(header(questions=1, additionals=1) + b"\x41", False, id="no name"),
    ],
)
@pytest.mark.parametrize("opcode", [0, 4, 15])
def test_what_cannot_be_answered_gets_opt_for_opt(
    world: tuple[Responder, str], packet: bytes, has_opt: bool, opcode: int
) -> None:
    responder, _ = world
    reply = responder.respond(packet[:2] + bytes([opcode << 3]) + packet[3:])
    assert reply is not None
    message = dns.message.from_wire(reply)
    assert message.rcode() == (dns.rcode.NOTIMP if opcode else dns.rcode.FORMERR)
    assert message.edns == (0 if has_opt else -1)
    assert message.payload == (1232 if has_opt else 0)
    assert bool(message.ednsflags & dns.flags.DO) == has_opt


@pytest.mark.parametrize("length", range(12))
def test_less_than_a_header_gets_no_answer(world: tuple[Responder, str], length: int) -> None:
    responder, _ = world
    assert responder.respond(bytes(length)) is None


def test_a_response_gets_no_answer(world: tuple[Responder, str]) -> None:
    responder, fulldomain = world
    query = dns.message.make_query(fulldomain, "TXT")
    query.flags |= dns.flags.QR
    assert responder.respond(query.to_wire()) is None
