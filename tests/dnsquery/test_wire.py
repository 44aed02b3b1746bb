"""Messages as bytes: questions and what is read from replies, compared with dnspython."""

from __future__ import annotations

from collections.abc import Callable

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.fake_dns import reply, soa
from tests.support.name_servers import name
from zoneproof.core.errors import DnsServerError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import messages
from zoneproof.dnsquery.messages import Answer, Status, make_question, read_answer, read_reply

NAME = name("_acme-challenge.example.com")
QUESTION = make_question(NAME, "TXT", recursive=False)
ASKED = dns.message.from_wire(QUESTION)
NOTHING = reply(ASKED, authority=(soa("example.com"),), rcode=dns.rcode.NXDOMAIN)
FULL = reply(
    ASKED,
    "_acme-challenge.example.com TXT good",
    "_acme-challenge.example.com CNAME a.example.com.",
    authority=("example.com NS ns.example.com.",),
    additional=("ns.example.com A 192.0.2.1",),
)

INSIDE = "abcdefghijklmnopqrstuvwxyz0123456789_-"
LABELS = st.text(INSIDE, min_size=1, max_size=63).map(lambda text: text.strip("-") or "a")
NAMES = st.lists(LABELS, max_size=3).map(lambda labels: DomainName(".".join(labels)))


@given(
    NAMES,
    st.sampled_from(["TXT", "CNAME", "SOA", "NS", "A", "AAAA", "CAA"]),
    st.booleans(),
    st.booleans(),
)
def test_a_question_is_what_dnspython_writes(
    asked: DomainName, rdtype: str, recursive: bool, edns: bool
) -> None:
    question = make_question(asked, rdtype, recursive=recursive, edns=edns)
    same = dns.message.make_query(
        asked.fqdn,
        rdtype,
        id=int.from_bytes(question[:2]),
        flags=dns.flags.RD if recursive else 0,
        use_edns=0 if edns else False,
        payload=1232,
    )
    assert question == same.to_wire()


def test_ids_of_questions_are_random() -> None:
    ids = {make_question(NAME, "TXT", recursive=False)[:2] for _ in range(200)}
    assert len(ids) > 150


def read_by_dnspython(data: bytes, question: bytes) -> dns.message.Message | None:
    """Read a reply by dnspython alone."""
    try:
        message = dns.message.from_wire(data, ignore_trailing=True)
    except (dns.exception.DNSException, ValueError):
        return None
    return message if dns.message.from_wire(question).is_response(message) else None


def said(message: dns.message.Message | None) -> Answer | str | None:
    """Return what the message says, for comparison."""
    if message is None:
        return None
    try:
        return read_answer(message, NAME, "TXT")
    except DnsServerError as error:
        return error.message


def assert_read_alike(data: bytes) -> None:
    by_dnspython = read_by_dnspython(data, QUESTION)
    found = read_reply(data, QUESTION)
    assert said(found) == said(by_dnspython)
    if found is not None and by_dnspython is not None:
        assert (found.id, found.flags) == (by_dnspython.id, by_dnspython.flags)
        assert found.rcode() == by_dnspython.rcode()
        assert list(map(kind, found.authority)) == list(map(kind, by_dnspython.authority))


def kind(rrset: dns.rrset.RRset) -> tuple[object, ...]:
    return rrset.name, rrset.rdclass, rrset.rdtype


def no_edns(message: dns.message.Message) -> None:
    message.use_edns(False)


def with_option(message: dns.message.Message) -> None:
    message.use_edns(0, options=[dns.edns.EDEOption(dns.edns.EDECode.BLOCKED, "no")])


def extended_rcode(message: dns.message.Message) -> None:
    message.set_rcode(dns.rcode.BADVERS)


def other_rcode(message: dns.message.Message) -> None:
    message.set_rcode(dns.rcode.SERVFAIL)


def truncated(message: dns.message.Message) -> None:
    message.flags |= dns.flags.TC


def other_opcode(message: dns.message.Message) -> None:
    message.set_opcode(dns.opcode.NOTIFY)


def no_reply(message: dns.message.Message) -> None:
    message.flags &= ~dns.flags.QR


def other_class(message: dns.message.Message) -> None:
    message.authority = [
        dns.rrset.from_text("example.com.", 60, "CH", "SOA", "ns. host. 1 2 3 4 5")
    ]


def no_authority(message: dns.message.Message) -> None:
    message.authority = []


def name_servers_too(message: dns.message.Message) -> None:
    message.authority.append(dns.rrset.from_text("example.com.", 60, "IN", "NS", "ns.example.com."))


def name_servers_instead(message: dns.message.Message) -> None:
    message.authority = [dns.rrset.from_text("example.com.", 60, "IN", "NS", "ns.example.com.")]


def odd_zone(message: dns.message.Message) -> None:
    message.authority = [dns.rrset.from_text(r"a\.b\010.", 60, "IN", "SOA", "ns. host. 1 2 3 4 5")]


def shouted_question(message: dns.message.Message) -> None:
    message.question = [
        dns.rrset.RRset(dns.name.from_text(NAME.fqdn.upper()), dns.rdataclass.IN, dns.rdatatype.TXT)
    ]


def another_question(message: dns.message.Message) -> None:
    message.question = [
        dns.rrset.RRset(dns.name.from_text(NAME.fqdn), dns.rdataclass.IN, dns.rdatatype.A)
    ]


def another_id(message: dns.message.Message) -> None:
    message.id ^= 1


VARIATIONS = [
    lambda message: None,
    no_edns,
    with_option,
    extended_rcode,
    other_rcode,
    truncated,
    other_opcode,
    no_reply,
    other_class,
    no_authority,
    name_servers_too,
    name_servers_instead,
    odd_zone,
    shouted_question,
    another_question,
    another_id,
]


@pytest.mark.parametrize("variation", VARIATIONS, ids=lambda one: one.__name__.strip("<>"))
@pytest.mark.parametrize("rcode", [dns.rcode.NOERROR, dns.rcode.NXDOMAIN])
@pytest.mark.parametrize("tail", [b"", b"\0", b"trailing bytes"])
def test_every_variation_of_nothing_is_read_as_dnspython_reads_it(
    variation: Callable[[dns.message.Message], None], rcode: dns.rcode.Rcode, tail: bytes
) -> None:
    message = reply(ASKED, authority=(soa("example.com"),), rcode=rcode)
    variation(message)
    assert_read_alike(message.to_wire() + tail)


@pytest.mark.parametrize("edns", [True, False])
def test_a_plain_nothing_takes_the_short_way(edns: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    question = make_question(NAME, "TXT", recursive=False, edns=edns)
    message = reply(dns.message.from_wire(question), authority=(soa("example.com"),))
    monkeypatch.delattr(messages, "_read_any")
    found = read_reply(message.to_wire(), question)
    assert found is not None
    answer = read_answer(found, NAME, "TXT")
    assert (answer.status, answer.soa) == (Status.NODATA, name("example.com"))
    assert answer.authoritative
    assert not answer.recursive


@pytest.mark.parametrize("edns", [True, False])
def test_each_byte_changed_and_each_end_cut_is_read_as_dnspython_reads_it(edns: bool) -> None:
    message = reply(ASKED, authority=(soa("example.com"),))
    if not edns:
        no_edns(message)
    good = message.to_wire()
    for place in range(2, len(good)):
        assert_read_alike(good[:place])
        for byte in {0, 1, 12, 192, 255, good[place] ^ 1, good[place] ^ 128, good[place] + 1 & 255}:
            assert_read_alike(good[:place] + bytes([byte]) + good[place + 1 :])


@given(st.binary(max_size=300))
def test_any_bytes_are_read_as_dnspython_reads_them(data: bytes) -> None:
    assert_read_alike(QUESTION[:2] + data)


@given(
    st.sampled_from([NOTHING.to_wire(), FULL.to_wire()]),
    st.lists(st.tuples(st.integers(2, 400), st.integers(0, 255)), max_size=6),
    st.integers(0, 60),
    st.binary(max_size=20),
)
def test_damaged_replies_are_read_as_dnspython_reads_them(
    good: bytes, damage: list[tuple[int, int]], cut: int, more: bytes
) -> None:
    data = bytearray(good)
    for place, byte in damage:
        data[place % len(data)] = byte
    assert_read_alike(bytes(data[: len(data) - cut]) + more)
