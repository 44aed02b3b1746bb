"""Recursive questions: which servers are asked, in which order, and what their answers mean."""

from __future__ import annotations

import asyncio
from pathlib import Path

import dns.message
import dns.rcode
import dns.resolver
import pytest

from tests.support.fake_dns import FakeDns, reply, soa
from tests.support.name_servers import knot, name
from tests.support.peers.unbound import Unbound
from zoneproof.core.errors import DnsError, DnsServerError, DnsUnreachableError
from zoneproof.dnsquery import Answer, Resolver, ServerAddress, Status
from zoneproof.testing.ports import free_port

ZONE = """
@ NS ns1
ns1 A 127.0.0.1
www A 192.0.2.1
www A 192.0.2.2
www TXT "a;b" "\\\\c"
alias CNAME www
dangling CNAME nothing
big TXT "x"
"""


def at(server: FakeDns) -> ServerAddress:
    return ServerAddress(server.address, server.port)


@pytest.fixture(scope="module")
def unbound(tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("resolver")
    big = "".join(f'big TXT "{i:03} {"x" * 200}"\n' for i in range(40))
    with (
        knot(folder, "127.0.0.1", free_port(), {"example.com": ZONE + big}) as server,
        Unbound(folder / "unbound", {"example.com": [f"127.0.0.1@{server.port}"]}) as unbound,
    ):
        yield unbound


@pytest.fixture
def resolver(unbound: Unbound) -> Resolver:
    return Resolver([ServerAddress(unbound.address, unbound.port)])


async def test_records_are_given_with_their_values(resolver: Resolver) -> None:
    addresses = await resolver.query(name("www.example.com"), "A")
    assert addresses.status is Status.RECORDS
    assert sorted(addresses.addresses) == ["192.0.2.1", "192.0.2.2"]
    assert (await resolver.query(name("www.example.com"), "TXT")).texts == ("a;b\\c",)
    assert (await resolver.query(name("example.com"), "NS")).targets == (name("ns1.example.com"),)


async def test_a_name_without_the_type_is_nodata(resolver: Resolver) -> None:
    answer = await resolver.query(name("www.example.com"), "CAA")
    assert (answer.status, answer.soa) == (Status.NODATA, name("example.com"))


async def test_a_name_that_does_not_exist_is_nxdomain_and_no_error(resolver: Resolver) -> None:
    answer = await resolver.query(name("a.b.example.com"), "TXT")
    assert (answer.status, answer.soa) == (Status.NXDOMAIN, name("example.com"))


async def test_cnames_are_followed_and_shown(resolver: Resolver) -> None:
    answer = await resolver.query(name("alias.example.com"), "TXT")
    assert answer.chain == (name("www.example.com"),)
    assert answer.texts == ("a;b\\c",)


async def test_a_dangling_cname_is_nxdomain_with_its_chain(resolver: Resolver) -> None:
    answer = await resolver.query(name("dangling.example.com"), "TXT")
    assert answer.status is Status.NXDOMAIN
    assert answer.chain == (name("nothing.example.com"),)


async def test_an_answer_too_large_for_udp_comes_over_tcp(resolver: Resolver) -> None:
    assert len((await resolver.query(name("big.example.com"), "TXT")).texts) == 41


async def test_a_resolver_that_cannot_look_it_up_gives_an_error_with_its_code(
    tmp_path: Path,
) -> None:
    zones = {"example.com": ZONE}
    with (
        knot(tmp_path, "127.0.0.1", free_port(), zones) as server,
        Unbound(tmp_path / "unbound", {"example.org": [f"127.0.0.1@{server.port}"]}) as helpless,
    ):
        resolver = Resolver([ServerAddress(helpless.address, helpless.port)], timeout=5)
        with pytest.raises(DnsServerError, match=r"SERVFAIL") as error:
            await resolver.query(name("www.example.org"), "A")
    assert error.value.rcode == "SERVFAIL"
    assert "www.example.org" in error.value.message


async def test_the_next_server_is_asked_when_one_fails_refuses_or_is_silent() -> None:
    def refuse(question: dns.message.Message) -> dns.message.Message:
        return reply(question, rcode=dns.rcode.REFUSED)

    async with (
        FakeDns(lambda question: None) as silent,
        FakeDns(refuse) as refusing,
        FakeDns(lambda q: reply(q, "a.example.com A 192.0.2.9", recursive=True)) as good,
    ):
        closed = ServerAddress("127.0.0.1", free_port())
        resolver = Resolver([at(silent), closed, at(refusing), at(good)], timeout=0.5)
        answer = await resolver.query(name("a.example.com"), "A")
        assert answer.addresses == ("192.0.2.9",)


async def test_each_server_is_asked_twice_at_most_and_an_error_code_says_more_than_silence() -> (
    None
):
    def refuse(question: dns.message.Message) -> dns.message.Message:
        return reply(question, rcode=dns.rcode.REFUSED)

    async with FakeDns(refuse) as refusing, FakeDns(lambda question: None) as silent:
        resolver = Resolver([at(refusing), at(silent)], timeout=0.3)
        with pytest.raises(DnsServerError, match="REFUSED"):
            await resolver.query(name("a.example.com"), "A")
        assert len(refusing.asked) == len(silent.asked) == 2


async def test_silence_of_all_is_an_error_that_names_the_server() -> None:
    async with FakeDns(lambda question: None) as silent:
        resolver = Resolver([at(silent)], timeout=0.05)
        with pytest.raises(DnsUnreachableError, match=f"127.0.0.1:{silent.port}"):
            await resolver.query(name("a.example.com"), "A")


async def test_a_server_that_only_refers_elsewhere_is_no_resolver() -> None:
    def refer(question: dns.message.Message) -> dns.message.Message:
        return reply(question, authority=("example.com NS ns.example.com.",), authoritative=False)

    async with FakeDns(refer) as server:
        with pytest.raises(DnsServerError, match="recursive resolver"):
            await Resolver([at(server)]).query(name("a.example.com"), "CAA")


async def test_a_server_that_does_not_recurse_is_asked_again_for_the_end_of_a_cname() -> None:
    def authoritative(question: dns.message.Message) -> dns.message.Message:
        if question.question[0].name.to_text() == "a.example.com.":
            return reply(question, "a.example.com CNAME b.example.net.")
        return reply(question, "b.example.net A 192.0.2.9")

    async with FakeDns(authoritative) as server:
        answer = await Resolver([at(server)]).query(name("a.example.com"), "A")
    assert answer.addresses == ("192.0.2.9",)
    assert answer.chain == (name("b.example.net"),)


async def test_cnames_that_go_round_between_answers_are_an_error() -> None:
    def tangle(question: dns.message.Message) -> dns.message.Message:
        here = question.question[0].name.to_text(omit_final_dot=True)
        there = {"a.example.com": "b.example.net", "b.example.net": "a.example.com"}[here]
        return reply(question, f"{here} CNAME {there}.")

    async with FakeDns(tangle) as server:
        with pytest.raises(DnsServerError, match="loop"):
            await Resolver([at(server)]).query(name("a.example.com"), "A")


async def test_shared_questions_are_asked_once_by_many_at_a_time() -> None:
    async with FakeDns(lambda q: reply(q, soa("example.com"), recursive=True)) as server:
        resolver = Resolver([at(server)])
        await asyncio.gather(
            *(resolver.query_shared(name("example.com"), "SOA") for _ in range(20))
        )
        assert len(server.asked) == 1


async def test_a_shared_failure_reaches_all_who_wait_for_it() -> None:
    async with FakeDns(lambda q: reply(q, rcode=dns.rcode.SERVFAIL)) as server:
        resolver = Resolver([at(server)])
        found = await asyncio.gather(
            *(resolver.query_shared(name("example.com"), "SOA") for _ in range(20)),
            return_exceptions=True,
        )
        assert all(isinstance(error, DnsServerError) for error in found)
        assert len(server.asked) == 2


async def test_a_caller_that_gives_up_leaves_the_question_to_the_next() -> None:
    started = asyncio.Event()

    async def first() -> Answer:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError

    async def second() -> str:
        return "found"

    async with FakeDns(lambda question: None) as server:
        resolver = Resolver([at(server)])
        impatient = asyncio.create_task(resolver.shared("key", first))
        await started.wait()
        patient = asyncio.create_task(resolver.shared("key", second))
        impatient.cancel()
        assert await patient == "found"


async def test_without_servers_the_systems_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def configure(self: object, path: str = "") -> None:
        assert isinstance(self, dns.resolver.Resolver)
        self.nameservers = ["192.0.2.53", "2001:db8::53"]

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", configure)
    monkeypatch.setattr("sys.platform", "linux")
    assert Resolver().servers == (ServerAddress("192.0.2.53"), ServerAddress("2001:db8::53"))


async def test_a_system_without_resolvers_is_an_error_that_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(self: object, path: str = "") -> None:
        raise dns.resolver.NoResolverConfiguration  # as dnspython does without the file

    monkeypatch.setattr(dns.resolver.Resolver, "read_resolv_conf", fail)
    with pytest.raises(DnsError, match="name one with --resolver"):
        Resolver()
