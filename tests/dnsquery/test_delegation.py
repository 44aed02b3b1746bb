"""Where a challenge name leads through CNAMEs, with real servers."""

from __future__ import annotations

from collections.abc import Iterator

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from tests.dnsquery.fake_dns import FakeDns, reply, soa
from tests.dnsquery.world import common_port, knot, name
from zoneproof.dnsquery import Resolver, ServerAddress, Status, follow_delegation
from zoneproof.dnsquery.delegation import Delegation
from zoneproof.errors import DelegationError, DnsError

ONE, TWO = "127.0.0.21", "127.0.0.22"

CHAIN = "\n".join(f"c{i} CNAME c{i + 1}" for i in range(1, 13))
ZONES_ONE = {
    "example.com": f"""
@ NS ns1
ns1 A {ONE}
_acme-challenge CNAME abc.auth.example.org.
_acme-challenge.plain TXT "x"
_acme-challenge.dangling CNAME nothing.example.org.
_acme-challenge.lost CNAME nothing.example.invalid.
_acme-challenge.two CNAME second.example.org.
_acme-challenge.loop CNAME back.example.org.
_acme-challenge.self CNAME _acme-challenge.self
_acme-challenge.odd CNAME a\\032b.example.org.
_acme-challenge.plain2 CNAME plain
*.wild CNAME lb.example.org.
_acme-challenge.both.wild CNAME own.example.org.
*.target CNAME end.example.org.
_acme-challenge.through CNAME x.target
moved DNAME example.org.
delegated NS ns.child
_acme-challenge.ns NS ns.child
ns.child A {TWO}
{CHAIN}
"""
}
ZONES_TWO = {
    "example.org": f"""
@ NS ns1
ns1 A {TWO}
abc.auth TXT "value"
second CNAME third
third TXT "x"
back CNAME _acme-challenge.loop.example.com.
_acme-challenge TXT "x"
""",
    "delegated.example.com": (
        "@ NS ns.child.example.com.\n_acme-challenge CNAME abc.auth.example.org.\nns1 A 192.0.2.1\n"
    ),
    "_acme-challenge.ns.example.com": "@ NS ns.child.example.com.\nns1 A 192.0.2.1\n",
}


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("delegation")
    port = common_port(ONE, TWO)
    with knot(folder, ONE, port, ZONES_ONE), knot(folder, TWO, port, ZONES_TWO):
        yield port


@pytest.fixture
def resolver(port: int) -> Resolver:
    servers = [ServerAddress(ONE, port), ServerAddress(TWO, port)]
    return Resolver(servers, authoritative_port=port)


def led(*chain: str) -> Delegation:
    names = tuple(name(text) for text in chain)
    return Delegation(names, names[-1])


@pytest.mark.parametrize(
    "chain",
    [
        ("_acme-challenge.example.com", "abc.auth.example.org"),
        ("_acme-challenge.plain.example.com",),
        ("_acme-challenge.nothing.example.com",),
        ("_acme-challenge.dangling.example.com", "nothing.example.org"),
        ("_acme-challenge.two.example.com", "second.example.org", "third.example.org"),
        ("_acme-challenge.moved.example.com", "_acme-challenge.example.org"),
        ("_acme-challenge.delegated.example.com", "abc.auth.example.org"),
        ("_acme-challenge.ns.example.com",),
        ("c2.example.com", *(f"c{i}.example.com" for i in range(3, 14))),
    ],
    ids=lambda chain: chain[0],
)
async def test_a_chain_is_followed_to_its_end(resolver: Resolver, chain: tuple[str, ...]) -> None:
    delegation = await follow_delegation(resolver, name(chain[0]))
    assert delegation == led(*chain)
    assert delegation.is_delegated == (len(chain) > 1)


async def test_a_cname_from_a_wildcard_is_no_delegation(resolver: Resolver) -> None:
    challenge = name("_acme-challenge.www.wild.example.com")
    delegation = await follow_delegation(resolver, challenge)
    assert delegation == Delegation(
        (challenge, name("lb.example.org")), challenge, from_wildcard=True
    )
    assert not delegation.is_delegated


async def test_a_cname_of_its_own_beside_a_wildcard_is_a_delegation(resolver: Resolver) -> None:
    delegation = await follow_delegation(resolver, name("_acme-challenge.both.wild.example.com"))
    assert delegation.target == name("own.example.org")


async def test_a_wildcard_that_a_delegation_leads_to_is_followed(resolver: Resolver) -> None:
    delegation = await follow_delegation(resolver, name("_acme-challenge.through.example.com"))
    assert delegation.target == name("end.example.org")


@pytest.mark.parametrize(
    ("start", "shown"),
    [
        (
            "_acme-challenge.loop.example.com",
            "_acme-challenge.loop.example.com -> back.example.org"
            " -> _acme-challenge.loop.example.com",
        ),
        (
            "_acme-challenge.self.example.com",
            "_acme-challenge.self.example.com -> _acme-challenge.self.example.com",
        ),
    ],
)
async def test_a_loop_is_named_with_every_link(resolver: Resolver, start: str, shown: str) -> None:
    with pytest.raises(DelegationError) as error:
        await follow_delegation(resolver, name(start))
    assert shown in error.value.message
    assert "\n" not in error.value.message


async def test_twelve_links_are_one_too_many(resolver: Resolver) -> None:
    with pytest.raises(DelegationError, match=r"more than 11 links: c1\.example\.com -> .*c13\."):
        await follow_delegation(resolver, name("c1.example.com"))


async def test_a_cname_to_bytes_that_no_name_may_hold_is_said_so(resolver: Resolver) -> None:
    with pytest.raises(DelegationError, match="holds other than letters"):
        await follow_delegation(resolver, name("_acme-challenge.odd.example.com"))


async def test_a_target_in_a_zone_that_no_server_knows_is_an_error_that_names_it(
    resolver: Resolver,
) -> None:
    with pytest.raises(DnsError, match="invalid"):
        await follow_delegation(resolver, name("_acme-challenge.lost.example.com"))


async def test_without_a_way_to_the_servers_the_resolver_is_asked(port: int) -> None:
    servers = [ServerAddress(ONE, port), ServerAddress(TWO, port)]
    resolver = Resolver(servers, authoritative_port=common_port(ONE, TWO))
    delegation = await follow_delegation(resolver, name("_acme-challenge.two.example.com"))
    assert delegation.target == name("third.example.org")
    wildcard = await follow_delegation(resolver, name("_acme-challenge.a.wild.example.com"))
    assert wildcard.from_wildcard


async def test_a_cname_made_a_moment_ago_is_seen_though_the_resolver_remembers_none(
    port: int,
) -> None:
    challenge = name("_acme-challenge.plain2.example.com")

    def remembering(question: dns.message.Message) -> dns.message.Message:
        if "_acme-challenge" in question.question[0].name.to_text():
            return reply(question, rcode=dns.rcode.NXDOMAIN, recursive=True)
        return dns.query.udp(question, ONE, port=port, timeout=5)

    async with FakeDns(remembering) as stale:
        servers = [ServerAddress(stale.address, stale.port), ServerAddress(TWO, port)]
        resolver = Resolver(servers, authoritative_port=port)
        assert (await resolver.query(challenge, "CNAME")).status is Status.NXDOMAIN
        delegation = await follow_delegation(resolver, challenge)
        assert delegation.target == name("plain.example.com")


async def test_one_question_finds_zone_and_cname_and_the_next_look_asks_again() -> None:
    challenge, target = "_acme-challenge.example.com", "abc.example.com"
    zone = {
        ("example.com", "SOA"): soa("example.com"),
        ("example.com", "NS"): "example.com NS ns.example.com.",
        ("ns.example.com", "A"): "ns.example.com A 127.0.0.1",
    }

    def server(question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0]
        key = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
        if key in zone:
            return reply(question, zone[key])
        return reply(question, authority=(soa("example.com"),), rcode=dns.rcode.NXDOMAIN)

    async with FakeDns(server) as fake:
        address = ServerAddress(fake.address, fake.port)
        resolver = Resolver([address], authoritative_port=fake.port)
        assert await follow_delegation(resolver, name(challenge)) == led(challenge)
        assert [asked for asked in fake.asked if asked[0] == challenge] == [(challenge, "CNAME")]
        zone[challenge, "CNAME"] = f"{challenge} CNAME {target}."
        assert await follow_delegation(resolver, name(challenge)) == led(challenge, target)
        fresh = Resolver([address], authoritative_port=fake.port)
        fake.asked.clear()
        assert await follow_delegation(fresh, name(challenge)) == led(challenge, target)
        assert [asked for asked in fake.asked if asked[0] == challenge] == [(challenge, "CNAME")]
