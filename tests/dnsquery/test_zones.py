"""Which zone a name is in, and who serves it: with real servers, and with servers that lie."""

from __future__ import annotations

import asyncio
import errno
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest

from tests.support.fake_dns import FakeDns, reply, soa
from tests.support.name_servers import common_port, knot, name
from tests.support.peers.unbound import Unbound
from zoneproof.core.errors import DnsServerError, DnsUnreachableError, NoSuchDomainError
from zoneproof.dnsquery import (
    NameServer,
    Resolver,
    ServerAddress,
    Status,
    find_zone,
    query_authoritative,
    zones,
)

PARENT, CHILD = "127.0.0.11", "127.0.0.12"

AT_PARENT = {
    "example.com": f"""
@ NS ns1
ns1 A {PARENT}
child A {CHILD}
www A 192.0.2.1
deep.ent TXT "x"
sub NS child
_acme-challenge.www NS child
hosted NS ns1
_acme-challenge.alias CNAME target.example.org.
alias CNAME www
*.wild CNAME lb.example.net.
""",
    "hosted.example.com": f"""
@ NS ns1.example.com.
@ NS child.example.com.
ns1 A {PARENT}
there TXT "y"
alias CNAME there
""",
    "co.example": f"@ NS ns1\nns1 A {PARENT}\nbar NS ns.bar\nns.bar A {CHILD}\n",
}
AT_CHILD = {
    "sub.example.com": f"@ NS ns1\n@ NS child.example.com.\nns1 A {CHILD}\n",
    "_acme-challenge.www.example.com": "@ NS child.example.com.\nns1 A 192.0.2.99\n",
    "bar.co.example": f"@ NS ns\nns A {CHILD}\nns1 A {CHILD}\n",
}


@dataclass
class World:
    port: int
    unbound: Unbound

    def resolver(self, kind: str) -> Resolver:
        if kind == "recursive":
            servers = [ServerAddress(self.unbound.address, self.unbound.port)]
        else:
            servers = [ServerAddress(PARENT, self.port), ServerAddress(CHILD, self.port)]
        return Resolver(servers, authoritative_port=self.port)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("zones")
    port = common_port(PARENT, CHILD)
    stubs = {zone: [f"{PARENT}@{port}"] for zone in AT_PARENT}
    stubs |= {zone: [f"{CHILD}@{port}"] for zone in AT_CHILD}
    with (
        knot(folder, PARENT, port, AT_PARENT),
        knot(folder, CHILD, port, AT_CHILD),
        Unbound(folder / "unbound", stubs) as unbound,
    ):
        yield World(port, unbound)


@pytest.mark.parametrize("kind", ["recursive", "authoritative itself"])
@pytest.mark.parametrize(
    ("asked", "zone"),
    [
        ("example.com", "example.com"),
        ("www.example.com", "example.com"),
        ("_acme-challenge.example.com", "example.com"),
        ("_acme-challenge.not.there.at.all.example.com", "example.com"),
        ("ent.example.com", "example.com"),
        ("_acme-challenge.deep.ent.example.com", "example.com"),
        ("sub.example.com", "sub.example.com"),
        ("_acme-challenge.host.sub.example.com", "sub.example.com"),
        ("_acme-challenge.www.example.com", "_acme-challenge.www.example.com"),
        ("_acme-challenge.hosted.example.com", "hosted.example.com"),
        ("_acme-challenge.alias.example.com", "example.com"),
        ("_acme-challenge.x.alias.example.com", "example.com"),
        ("_acme-challenge.x.wild.example.com", "example.com"),
        ("_acme-challenge.foo.co.example", "co.example"),
        ("_acme-challenge.foo.bar.co.example", "bar.co.example"),
    ],
)
async def test_the_zone_of_every_kind_of_name_is_found(
    world: World, kind: str, asked: str, zone: str
) -> None:
    cut = await find_zone(world.resolver(kind), name(asked))
    assert cut.name == name(zone)
    assert cut.addresses


async def test_servers_named_only_by_the_parent_or_only_by_the_zone_both_count(
    world: World,
) -> None:
    cut = await find_zone(world.resolver("recursive"), name("_acme-challenge.a.sub.example.com"))
    assert set(cut.nameservers) == {
        NameServer(name("child.example.com"), (CHILD,)),
        NameServer(name("ns1.sub.example.com"), (CHILD,)),
    }
    assert cut.addresses == (CHILD,)


async def test_glue_is_used_where_the_name_servers_cannot_be_looked_up(world: World) -> None:
    resolver = Resolver([ServerAddress(PARENT, world.port)], authoritative_port=world.port)
    cut = await find_zone(resolver, name("_acme-challenge.foo.bar.co.example"))
    assert cut.nameservers == (NameServer(name("ns.bar.co.example"), (CHILD,)),)


async def test_a_question_to_the_zones_own_servers_sees_what_is_there(world: World) -> None:
    resolver = world.resolver("recursive")
    answer = await query_authoritative(resolver, name("deep.ent.example.com"), "TXT")
    assert answer.texts == ("x",)
    answer = await query_authoritative(resolver, name("nothing.example.com"), "TXT")
    assert answer.status is Status.NXDOMAIN


@pytest.mark.parametrize(
    ("asked", "rdtype", "answered"),
    [
        ("there.hosted.example.com", "TXT", ("y",)),
        ("there.hosted.example.com", "CNAME", ()),
        ("alias.hosted.example.com", "TXT", ("y",)),
        ("alias.hosted.example.com", "CNAME", ("there.hosted.example.com",)),
        ("hosted.example.com", "TXT", ()),
        ("nothing.hosted.example.com", "TXT", ()),
    ],
)
async def test_whatever_is_asked_on_the_way_the_zone_is_found_as_well(
    world: World, asked: str, rdtype: str, answered: tuple[str, ...]
) -> None:
    resolver = world.resolver("recursive")
    answer = await query_authoritative(resolver, name(asked), rdtype)
    assert (answer.texts or tuple(map(str, answer.targets))) == answered
    assert (await find_zone(resolver, name(asked))).name == name("hosted.example.com")


class Forwarder:
    """Passes questions on to a real server, as a resolver in between does."""

    def __init__(self, address: str, port: int) -> None:
        self.target = address, port

    def __call__(self, question: dns.message.Message) -> dns.message.Message:
        import dns.query

        return dns.query.udp(question, self.target[0], port=self.target[1], timeout=5)


async def test_no_resolver_is_ever_asked_for_a_name_that_may_not_be_there_yet(
    world: World,
) -> None:
    async with FakeDns(Forwarder(world.unbound.address, world.unbound.port)) as recorder:
        resolver = Resolver(
            [ServerAddress(recorder.address, recorder.port)], authoritative_port=world.port
        )
        for text in (
            "_acme-challenge.new.host.example.com",
            "_acme-challenge.host.sub.example.com",
            "_acme-challenge.foo.bar.co.example",
        ):
            await find_zone(resolver, name(text))
            await query_authoritative(resolver, name(text), "CNAME")
        asked = {asked for asked, _ in recorder.asked}
    exists = {"example.com", "co.example"} | {
        "ns1.example.com",
        "child.example.com",
        "ns1.sub.example.com",
        "ns1.co.example",
        "ns.bar.co.example",
    }
    assert asked <= exists


async def test_a_hundred_names_of_one_zone_share_what_is_asked_of_the_resolver(
    world: World,
) -> None:
    async with FakeDns(Forwarder(world.unbound.address, world.unbound.port)) as recorder:
        resolver = Resolver(
            [ServerAddress(recorder.address, recorder.port)], authoritative_port=world.port
        )
        names = [name(f"_acme-challenge.h{i}.example.com") for i in range(100)]
        await asyncio.gather(*(find_zone(resolver, each) for each in names))
        # SOA and NS of the zone, A and AAAA of its server.
        assert len(recorder.asked) == 4


@pytest.mark.parametrize(
    ("asked", "zone"),
    [
        ("_acme-challenge.host.sub.example.com", "sub.example.com"),
        ("_acme-challenge.www.example.com", "_acme-challenge.www.example.com"),
        ("_acme-challenge.alias.example.com", "example.com"),
        ("_acme-challenge.not.there.example.com", "example.com"),
    ],
)
async def test_without_a_way_to_the_servers_the_resolver_is_asked_upwards(
    world: World, asked: str, zone: str
) -> None:
    closed = common_port(PARENT, CHILD)
    resolver = Resolver(
        [ServerAddress(world.unbound.address, world.unbound.port)], authoritative_port=closed
    )
    assert (await find_zone(resolver, name(asked))).name == name(zone)


async def test_a_question_goes_to_the_resolver_where_no_server_can_be_reached(
    world: World,
) -> None:
    resolver = Resolver(
        [ServerAddress(world.unbound.address, world.unbound.port)],
        authoritative_port=common_port(PARENT, CHILD),
    )
    answer = await query_authoritative(resolver, name("deep.ent.example.com"), "TXT")
    assert answer.texts == ("x",)


async def test_no_reachable_resolver_is_an_error(world: World) -> None:
    resolver = Resolver([ServerAddress("127.0.0.1", common_port("127.0.0.1"))], timeout=0.1)
    with pytest.raises(DnsUnreachableError):
        await find_zone(resolver, name("_acme-challenge.example.com"))


async def test_a_resolver_that_refuses_every_name_is_an_error_in_one_line(world: World) -> None:
    resolver = Resolver([ServerAddress(CHILD, world.port)], authoritative_port=world.port)
    with pytest.raises(DnsServerError, match="REFUSED") as error:
        await find_zone(resolver, name("_acme-challenge.www.example.net"))
    assert "\n" not in error.value.message


async def test_a_top_level_domain_that_does_not_exist_is_said_so() -> None:
    def root(question: dns.message.Message) -> dns.message.Message:
        authority = (". SOA a.root. host.root. 1 2 3 4 5",)
        message = reply(question, rcode=dns.rcode.NXDOMAIN, recursive=True)
        message.authority.append(
            dns.rrset.from_text(dns.name.root, 60, "IN", "SOA", authority[0].split(" ", 2)[2])
        )
        return message

    async with FakeDns(root) as server:
        resolver = Resolver([ServerAddress(server.address, server.port)])
        with pytest.raises(NoSuchDomainError, match="'nowhere'"):
            await find_zone(resolver, name("_acme-challenge.host.nowhere"))


def recursive_side(question: dns.message.Message) -> dns.message.Message:
    """Stand in for a resolver that knows example.com and its one server, this very address."""
    asked = question.question[0]
    key = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
    known = {
        ("example.com", "SOA"): soa("example.com"),
        ("example.com", "NS"): "example.com NS ns.example.com.",
        ("ns.example.com", "A"): "ns.example.com A 127.0.0.1",
    }
    if key in known:
        return reply(question, known[key], recursive=True, authoritative=False)
    return reply(
        question,
        authority=(soa("example.com"),),
        rcode=dns.rcode.NXDOMAIN,
        recursive=True,
        authoritative=False,
    )


LIES = {
    "to its own zone": ("example.com NS ns.example.com.",),
    "upwards": ("com NS ns.evil.test.",),
    "to another domain": ("evil.test NS ns.evil.test.",),
    "to a sibling": ("other.example.com NS ns.evil.test.",),
    "below the name": ("x._acme-challenge.www.example.com NS ns.evil.test.",),
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
async def test_a_lying_referral_leads_nowhere(lie: tuple[str, ...]) -> None:
    def authority(question: dns.message.Message) -> dns.message.Message:
        return reply(
            question,
            authority=lie,
            additional=("ns.evil.test A 127.0.0.66",),
            authoritative=False,
        )

    async with FakeDns(authority) as liar, FakeDns(recursive_side) as recursive:
        resolver = Resolver(
            [ServerAddress(recursive.address, recursive.port)], authoritative_port=liar.port
        )
        cut = await find_zone(resolver, name("_acme-challenge.www.example.com"))
        assert cut.name == name("example.com")
        assert "127.0.0.66" not in cut.addresses
        assert not any("evil" in asked for asked, _ in recursive.asked)


async def test_a_server_that_answers_from_the_zone_above_is_not_believed() -> None:
    def lame(question: dns.message.Message) -> dns.message.Message:
        return reply(question, authority=(soa("com"),), rcode=dns.rcode.NXDOMAIN)

    async with FakeDns(lame) as server, FakeDns(recursive_side) as recursive:
        resolver = Resolver(
            [ServerAddress(recursive.address, recursive.port)], authoritative_port=server.port
        )
        cut = await find_zone(resolver, name("_acme-challenge.www.example.com"))
        assert cut.name == name("example.com")


async def test_referrals_that_go_ever_deeper_come_to_an_end() -> None:
    target = name("_acme-challenge." + ".".join("abcdefghijklmnop") + ".example.com")

    def deeper(question: dns.message.Message) -> dns.message.Message:
        deeper.depth += 1  # type: ignore[attr-defined]
        zone = ".".join(target.labels[-min(deeper.depth + 2, len(target.labels)) :])  # type: ignore[attr-defined]
        return reply(question, authority=(f"{zone} NS ns.example.com.",), authoritative=False)

    deeper.depth = 0  # type: ignore[attr-defined]
    async with FakeDns(deeper) as server, FakeDns(recursive_side) as recursive:
        resolver = Resolver(
            [ServerAddress(recursive.address, recursive.port)], authoritative_port=server.port
        )
        cut = await find_zone(resolver, target)
        assert target.is_below(cut.name)
        assert len(server.asked) < 100


async def test_addresses_that_are_no_machines_are_left_out() -> None:
    def odd(question: dns.message.Message) -> dns.message.Message:
        if question.question[0].rdtype == dns.rdatatype.A:
            lines = [f"ns.example.com A {a}" for a in ("0.0.0.0", "224.0.0.1", "127.0.0.1")]
            return reply(question, *lines, recursive=True)
        return recursive_side(question)

    async with FakeDns(odd) as recursive:
        resolver = Resolver(
            [ServerAddress(recursive.address, recursive.port)],
            authoritative_port=common_port("127.0.0.1"),
        )
        cut = await find_zone(resolver, name("example.com"))
    assert cut.addresses == ("127.0.0.1",)


@pytest.mark.parametrize("routed", [True, False])
async def test_ipv6_addresses_are_asked_only_where_there_is_a_route(
    monkeypatch: pytest.MonkeyPatch, routed: bool
) -> None:
    def connect(self: socket.socket, address: tuple[str, int]) -> None:
        if not routed:
            raise OSError(errno.ENETUNREACH, "Network is unreachable")

    def dual(question: dns.message.Message) -> dns.message.Message:
        if question.question[0].rdtype == dns.rdatatype.AAAA:
            return reply(question, "ns.example.com AAAA 2001:db8::1", recursive=True)
        return recursive_side(question)

    async with FakeDns(dual) as recursive:
        resolver = Resolver(
            [ServerAddress(recursive.address, recursive.port)],
            authoritative_port=common_port("127.0.0.1"),
            timeout=0.5,
        )
        fake = type("Probe", (socket.socket,), {"connect": connect})
        with monkeypatch.context() as patch:
            patch.setattr(zones, "socket", SimpleNamespace(**{**vars(socket), "socket": fake}))
            cut = await find_zone(resolver, name("example.com"))
    assert ("2001:db8::1" in cut.addresses) is routed
    assert "127.0.0.1" in cut.addresses


async def test_a_server_that_is_silent_delays_the_others_only_a_little(tmp_path: Path) -> None:
    address, port = "127.0.0.1", common_port("127.0.0.1", "127.0.0.13")
    zone = "@ NS a\n@ NS b\na A 127.0.0.13\nb A 127.0.0.1\n"
    async with FakeDns(lambda question: None, address="127.0.0.13", port=port) as silent:
        with knot(tmp_path, address, port, {"example.com": zone}):
            resolver = Resolver([ServerAddress(address, port)], authoritative_port=port, timeout=60)
            cut = await find_zone(resolver, name("_acme-challenge.example.com"))
            assert cut.name == name("example.com")
            assert set(cut.addresses) == {silent.address, address}
