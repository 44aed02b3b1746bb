"""One question to one server, also where the server or the way to it means harm."""

from __future__ import annotations

import asyncio
import random

import dns.flags
import dns.message
import dns.name
import dns.rcode
import pytest

from tests.support.fake_dns import FakeDns, reply
from tests.support.name_servers import name
from zoneproof.core.errors import DnsServerError, DnsUnreachableError
from zoneproof.dnsquery.messages import Answer, read_answer
from zoneproof.dnsquery.transport import ServerAddress, exchange
from zoneproof.testing.ports import free_port

NAME = name("_acme-challenge.example.com")
GOOD = "_acme-challenge.example.com TXT good"


async def ask(server: FakeDns, *tries: float) -> Answer:
    address = ServerAddress(server.address, server.port)
    message = await exchange(address, NAME, "TXT", recursive=False, tries=tries or (0.1, 0.1))
    return read_answer(message, NAME, "TXT")


def short(question: dns.message.Message) -> bytes:
    return reply(question, GOOD).to_wire()[:-3]


def empty(question: dns.message.Message) -> bytes:
    return b""


def noise(question: dns.message.Message) -> bytes:
    return random.Random(1).randbytes(200)


def wrong_id(question: dns.message.Message) -> dns.message.Message:
    message = reply(question, "_acme-challenge.example.com TXT forged")
    message.id ^= 1
    return message


def wrong_question(question: dns.message.Message) -> dns.message.Message:
    other = dns.message.make_query("_acme-challenge.example.net", "TXT", id=question.id)
    return reply(other, "_acme-challenge.example.com TXT forged")


def no_question(question: dns.message.Message) -> dns.message.Message:
    message = reply(question, "_acme-challenge.example.com TXT forged")
    message.question = []
    return message


def the_question_itself(question: dns.message.Message) -> bytes:
    return question.to_wire()


def pointer_loop(question: dns.message.Message) -> bytes:
    # One answer, whose name is a compression pointer to itself.
    wire = bytearray(question.to_wire()[:12])
    wire[2:8] = b"\x84\x00\x00\x01\x00\x01"
    wire[8:12] = bytes(4)
    asked = question.question[0].name.to_wire()
    assert asked
    body = asked + b"\x00\x10\x00\x01"
    here = 12 + len(body)
    return bytes(wire) + body + (0xC000 | here).to_bytes(2, "big") + bytes(20)


def lying_lengths(question: dns.message.Message) -> bytes:
    wire = bytearray(reply(question, GOOD).to_wire())
    wire[6:8] = b"\xff\xff"
    return bytes(wire)


FORGERIES = [
    short,
    empty,
    noise,
    wrong_id,
    wrong_question,
    no_question,
    the_question_itself,
    pointer_loop,
    lying_lengths,
]


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda f: f.__name__)
async def test_a_forged_or_broken_packet_is_passed_over_and_the_answer_still_awaited(
    forgery: object,
) -> None:
    assert callable(forgery)

    def both(question: dns.message.Message) -> list[bytes]:
        bad = forgery(question)
        return [bad if isinstance(bad, bytes) else bad.to_wire(), reply(question, GOOD).to_wire()]

    async with FakeDns(both) as server:
        assert (await ask(server, 2)).texts == ("good",)
        assert len(server.asked) == 1


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda f: f.__name__)
async def test_a_server_that_sends_nothing_else_counts_as_unreachable(forgery: object) -> None:
    assert callable(forgery)
    async with FakeDns(forgery) as server:
        with pytest.raises(DnsUnreachableError, match=f"127.0.0.1:{server.port}"):
            await ask(server)


async def test_a_flood_of_wrong_packets_ends_the_try() -> None:
    async with FakeDns(lambda question: [b"junk"] * 200) as server:
        with pytest.raises(DnsUnreachableError, match="do not answer the question"):
            await ask(server, 60)


async def test_a_silent_server_is_asked_as_often_as_tries_are_given() -> None:
    async with FakeDns(lambda question: None) as server:
        with pytest.raises(DnsUnreachableError, match="no answer"):
            await ask(server, 0.05, 0.05, 0.05)
        assert len(server.asked) == 3


async def test_a_lost_packet_is_sent_again_with_another_id() -> None:
    ids: list[int] = []

    def second_time(question: dns.message.Message) -> dns.message.Message | None:
        ids.append(question.id)
        return reply(question, GOOD) if len(ids) > 1 else None

    async with FakeDns(second_time) as server:
        assert (await ask(server, 0.1, 2)).texts == ("good",)
    assert ids[0] != ids[1]


async def test_a_closed_port_is_told_from_silence() -> None:
    with pytest.raises(DnsUnreachableError, match="refused"):
        await exchange(
            ServerAddress("127.0.0.1", free_port()), NAME, "TXT", recursive=False, tries=(60,)
        )


def truncated(question: dns.message.Message) -> dns.message.Message:
    message = reply(question)
    message.flags |= dns.flags.TC
    return message


async def test_a_truncated_answer_is_asked_for_again_over_tcp() -> None:
    async with FakeDns(truncated, tcp=lambda question: reply(question, GOOD)) as server:
        assert (await ask(server, 2)).texts == ("good",)


async def test_a_truncated_answer_without_tcp_counts_as_unreachable() -> None:
    async with FakeDns(truncated) as server:
        with pytest.raises(DnsUnreachableError):
            await ask(server)


@pytest.mark.parametrize(
    "over_tcp", [wrong_id, wrong_question, noise, short, empty], ids=lambda f: f.__name__
)
async def test_a_forged_answer_over_tcp_counts_as_unreachable(over_tcp: object) -> None:
    assert callable(over_tcp)
    async with FakeDns(truncated, tcp=over_tcp) as server:
        with pytest.raises(DnsUnreachableError, match="TCP"):
            await ask(server, 5)


async def test_a_tcp_stream_that_stops_half_way_counts_as_unreachable() -> None:
    async def stop_half_way(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(2)
        writer.write(b"\xff\xff half")
        writer.close()

    async with FakeDns(truncated) as server:
        listener = await asyncio.start_server(stop_half_way, server.address, server.port)
        with pytest.raises(DnsUnreachableError):
            await ask(server, 5)
        listener.close()


async def test_a_server_from_before_edns_is_asked_without() -> None:
    def old(question: dns.message.Message) -> dns.message.Message:
        if question.edns < 0:
            return reply(question, GOOD)
        refusal = reply(question, rcode=dns.rcode.FORMERR)
        refusal.use_edns(False)
        refusal.question = []
        return refusal

    async with FakeDns(old) as server:
        assert (await ask(server, 2)).texts == ("good",)


async def test_the_owner_name_is_compared_without_case() -> None:
    def shouting(question: dns.message.Message) -> dns.message.Message:
        return reply(question, "_ACME-Challenge.EXAMPLE.com TXT good")

    async with FakeDns(shouting) as server:
        assert (await ask(server, 2)).texts == ("good",)


async def test_a_cname_loop_in_an_answer_is_an_error_and_ends() -> None:
    def looping(question: dns.message.Message) -> dns.message.Message:
        return reply(
            question,
            "_acme-challenge.example.com CNAME a.example.com.",
            "a.example.com CNAME _acme-challenge.example.com.",
        )

    async with FakeDns(looping) as server:
        with pytest.raises(DnsServerError, match="loop"):
            await ask(server, 2)


def test_a_chain_in_an_answer_that_never_ends_is_an_error() -> None:
    links = [f"n{i}.example.com CNAME n{i + 1}.example.com." for i in range(40)]
    question = dns.message.make_query("n0.example.com", "TXT")
    with pytest.raises(DnsServerError, match="too long"):
        read_answer(reply(question, *links), name("n0.example.com"), "TXT")


def test_a_cname_to_bytes_that_no_name_may_hold_is_an_error() -> None:
    question = dns.message.make_query(NAME.fqdn, "TXT")
    message = reply(question, r"_acme-challenge.example.com CNAME a\010b\;c.example.com.")
    with pytest.raises(DnsServerError, match="cannot be used"):
        read_answer(message, NAME, "TXT")


def test_records_of_other_owners_are_not_the_answer() -> None:
    question = dns.message.make_query(NAME.fqdn, "TXT")
    answer = read_answer(reply(question, "other.example.com TXT forged"), NAME, "TXT")
    assert answer.texts == ()


def test_strings_of_one_txt_record_are_joined_and_odd_bytes_shown() -> None:
    question = dns.message.make_query(NAME.fqdn, "TXT")
    message = reply(question, r'_acme-challenge.example.com TXT "ab" "" "c\255"')
    assert read_answer(message, NAME, "TXT").texts == (r"abc\xff",)
