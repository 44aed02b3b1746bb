"""Whatever a DNS server answers, a look ends soon, asks little, and says nothing but text."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from pathlib import Path

import dns.flags
import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.NS import NS

from tests.support.command import run_zoneproof
from tests.support.fake_dns import FakeDns, Packets, reply, soa
from zoneproof.core.errors import DnsError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import Resolver, check_visible, find_zone, follow_delegation
from zoneproof.dnsquery.caa import find_caa
from zoneproof.dnsquery.transport import ServerAddress

ZONE = "example.com"
NAME = DomainName(f"_acme-challenge.www.{ZONE}")
MOST_QUESTIONS = 400
TRICKS = (b"\x1b[31m\n", b"\xff\xc2\x9b", b"com", b"")

Answering = Callable[[dns.message.Message, str, str], Packets]


def asked(question: dns.message.Message) -> tuple[str, str]:
    first = question.question[0]
    return first.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(first.rdtype)


def honest(question: dns.message.Message, name: str, rdtype: str) -> dns.message.Message:
    """A zone at this server, with one name server and nothing else in it."""
    if rdtype == "NS":
        return reply(question, f"{name} NS ns1.{ZONE}.")
    if rdtype == "A" and name.startswith("ns"):
        return reply(question, f"{name} A 127.0.0.1")
    if rdtype == "SOA" and name == ZONE:
        return reply(question, soa(name))
    return reply(question, authority=(soa(ZONE),))


def cut_short(question: dns.message.Message, name: str, rdtype: str) -> dns.message.Message:
    message = reply(question)
    message.flags |= dns.flags.TC
    return message


def pointer_to_itself(question: dns.message.Message, name: str, rdtype: str) -> bytes:
    asked_for = dns.message.make_query(name, rdtype).to_wire()[12:]
    pointer = (0xC000 | 12 + len(asked_for)).to_bytes(2, "big")
    header = question.to_wire()[:2] + b"\x84\x00\x00\x01\x00\x01\x00\x00\x00\x00"
    record = pointer + b"\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02" + pointer
    return header + asked_for + record


def never_the_same_cname(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    return reply(question, f"{name} CNAME x{secrets.token_hex(8)}.{ZONE}.")


def a_thousand_cnames(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    owners = [name, *(f"c{i}.{ZONE}" for i in range(1000))]
    links = pairwise(owners)
    return reply(question, *(f"{owner} CNAME {target}." for owner, target in links))


def cname_of_odd_bytes(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    message = reply(question)
    target = CNAME(1, dns.rdatatype.CNAME, dns.name.Name(TRICKS))  # type: ignore[no-untyped-call]
    message.answer.append(dns.rrset.from_rdata(dns.name.from_text(name), 60, target))
    return message


def ns_of_odd_bytes(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    message = reply(question)
    target = NS(1, dns.rdatatype.NS, dns.name.Name(TRICKS))  # type: ignore[no-untyped-call]
    message.answer.append(dns.rrset.from_rdata(dns.name.from_text(name), 60, target))
    return message


def many_name_servers(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    return reply(question, *(f"{name} NS ns{i}.{ZONE}." for i in range(500)))


def referral_to_many(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    return reply(
        question,
        authority=tuple(f"{ZONE} NS ns{i}.{ZONE}." for i in range(500)),
        additional=tuple(f"ns{i}.{ZONE} A 127.0.{i % 9}.{i % 250}" for i in range(500)),
        authoritative=False,
    )


def glue_that_is_nowhere(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    addresses = ("A 0.0.0.0", "A 224.0.0.1", "A 255.255.255.255", "AAAA ::", "AAAA ff02::1")
    return reply(
        question,
        authority=(f"{ZONE} NS none.{ZONE}.",),
        additional=tuple(f"none.{ZONE} {address}" for address in addresses),
        authoritative=False,
    )


def ever_deeper(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    return reply(question, authority=(soa(f"a.b.c.{name}"),))


def records_of_others(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    return reply(question, "other.example A 192.0.2.6", 'other.example TXT "x"')


def thousands_of_addresses(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    records = (f"{name} A 127.{i // 250}.1.{i % 250}" for i in range(4000))
    return reply(question, *(records if rdtype == "A" else ()))


def thousands_of_texts(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    return reply(question, *(f'{name} TXT "{i}\\027[31m\\010\\194\\155"' for i in range(2000)))


def thousands_of_caa(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    return reply(question, *(f'{name} CAA 128 issue "\\027[31m\\010{i}"' for i in range(1500)))


def nothing(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    return None


def garbage(question: dns.message.Message, name: str, rdtype: str) -> Packets:
    return [secrets.token_bytes(600) for _ in range(20)]


EVERYTHING = ("SOA", "NS", "A", "AAAA", "CNAME", "TXT", "CAA")
OVER_UDP: list[tuple[str, Answering]] = [
    *((rdtype, pointer_to_itself) for rdtype in EVERYTHING),
    *((rdtype, nothing) for rdtype in EVERYTHING),
    *((rdtype, garbage) for rdtype in ("SOA", "CNAME")),
    *((rdtype, never_the_same_cname) for rdtype in EVERYTHING),
    *((rdtype, cname_of_odd_bytes) for rdtype in EVERYTHING),
    ("NS", ns_of_odd_bytes),
    ("SOA", glue_that_is_nowhere),
    ("SOA", ever_deeper),
    *((rdtype, records_of_others) for rdtype in EVERYTHING),
]
OVER_TCP: list[tuple[str, Answering]] = [
    *((rdtype, a_thousand_cnames) for rdtype in EVERYTHING),
    ("NS", many_name_servers),
    ("SOA", referral_to_many),
    ("A", thousands_of_addresses),
    ("TXT", thousands_of_texts),
    ("CAA", thousands_of_caa),
]


def misbehaving(rdtype: str, fault: Answering) -> Callable[[dns.message.Message], Packets]:
    def answer(question: dns.message.Message) -> Packets:
        name, wanted = asked(question)
        return (fault if wanted == rdtype else honest)(question, name, wanted)

    return answer


async def look(server: FakeDns) -> list[str]:
    """Look in every way, and return what was said of it."""
    said = []
    address = ServerAddress(server.address, server.port)
    async with Resolver([address], authoritative_port=server.port, timeout=0.2) as resolver:
        for work in (
            lambda: find_zone(resolver, NAME),
            lambda: follow_delegation(resolver, NAME),
            lambda: find_caa(resolver, NAME.parent),
            lambda: check_visible(resolver, {NAME: frozenset(["value"])}),
        ):
            try:
                found: object = await work()
            except DnsError as error:
                found = error.message
            said.append(found if isinstance(found, str) else repr(found))
    return said


def check(server: FakeDns, said: list[str]) -> None:
    assert len(server.asked) < MOST_QUESTIONS
    for text in said:
        assert text.isprintable()


@pytest.mark.parametrize(
    ("rdtype", "fault"), [pytest.param(*one, id=f"{one[0]}-{one[1].__name__}") for one in OVER_UDP]
)
async def test_a_hostile_answer_ends_the_look(rdtype: str, fault: Answering) -> None:
    async with FakeDns(misbehaving(rdtype, fault)) as server:
        check(server, await look(server))


@pytest.mark.parametrize(
    ("rdtype", "fault"), [pytest.param(*one, id=f"{one[0]}-{one[1].__name__}") for one in OVER_TCP]
)
async def test_a_hostile_answer_of_64_kilobytes_ends_the_look(
    rdtype: str, fault: Answering
) -> None:
    def over_tcp(question: dns.message.Message) -> dns.message.Message | bytes:
        answer = fault(question, *asked(question))
        assert isinstance(answer, dns.message.Message)
        return answer

    async with FakeDns(misbehaving(rdtype, cut_short), tcp=over_tcp) as server:
        check(server, await look(server))


class HangingDns(FakeDns):
    """Accepts connections, and says nothing until the client hangs up."""

    async def _serve_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()


@pytest.mark.parametrize("rdtype", EVERYTHING)
async def test_a_tcp_server_that_hangs_ends_the_look(rdtype: str) -> None:
    async with HangingDns(misbehaving(rdtype, cut_short), tcp=lambda _: b"") as server:
        check(server, await look(server))


@pytest.mark.parametrize("rdtype", EVERYTHING)
async def test_64_kilobytes_of_garbage_end_the_look(rdtype: str) -> None:
    over_tcp = secrets.token_bytes(65535)
    async with FakeDns(misbehaving(rdtype, cut_short), tcp=lambda _: over_tcp) as server:
        check(server, await look(server))


@asynccontextmanager
async def telling_of(rdtype: str, fault: Answering) -> AsyncIterator[FakeDns]:
    def over_tcp(question: dns.message.Message) -> dns.message.Message | bytes:
        answer = fault(question, *asked(question))
        assert isinstance(answer, dns.message.Message)
        return answer

    async with FakeDns(misbehaving(rdtype, cut_short), tcp=over_tcp) as server:
        yield server


@pytest.mark.parametrize("options", [(), ("--json",)])
@pytest.mark.parametrize(
    ("rdtype", "fault"),
    [("TXT", thousands_of_texts), ("CNAME", cname_of_odd_bytes), ("NS", ns_of_odd_bytes)],
)
async def test_no_answer_steers_the_terminal_of_who_looks(
    tmp_path: Path, rdtype: str, fault: Answering, options: tuple[str, ...]
) -> None:
    async with telling_of(rdtype, fault) as server:
        where = f"--resolver=127.0.0.1:{server.port}", f"--authoritative-port={server.port}"
        done = await asyncio.to_thread(
            run_zoneproof,
            *("doctor", f"www.{ZONE}", *where, *options),
            environment={"ZONEPROOF_HOME": str(tmp_path)},
        )
    assert done.status in (0, 1), done.stderr
    told = done.stdout + done.stderr
    assert told
    assert all(line.isprintable() for line in told.split("\n"))
