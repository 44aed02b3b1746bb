"""Where a challenge name leads through CNAMEs, with real servers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack

import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest

from tests.support.fake_dns import FakeDns, reply, soa
from tests.support.name_servers import common_port, knot, name
from zoneproof.core.errors import DelegationError, DnsError
from zoneproof.dnsquery import Resolver, ServerAddress, Status, follow_delegation
from zoneproof.dnsquery.delegation import Delegation

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
_acme-challenge.wild CNAME lb.example.org.
*.target CNAME end.example.org.
_acme-challenge.through CNAME x.target
_acme-challenge.deeper CNAME step.example.org.
*.round CNAME x.round
_acme-challenge.into-round CNAME first.round
explicit.target CNAME end.example.org.
_acme-challenge.beside CNAME explicit.target
_acme-challenge.root CNAME .
*.rooted CNAME .
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
step CNAME x.wild
*.wild CNAME w.relay
*.relay CNAME far
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


@pytest.mark.parametrize(
    "owner", ["_acme-challenge.wild.example.com", "explicit.target.example.com"]
)
async def test_a_cname_of_its_own_is_a_delegation_also_to_where_the_wildcard_leads(
    resolver: Resolver, owner: str
) -> None:
    delegation = await follow_delegation(resolver, name(owner))
    assert delegation.is_delegated
    assert not delegation.from_wildcard


@pytest.mark.parametrize(
    ("chain", "target"),
    [
        (
            ("_acme-challenge.through.example.com", "x.target.example.com", "end.example.org"),
            "x.target.example.com",
        ),
        (
            (
                "_acme-challenge.deeper.example.com",
                "step.example.org",
                "x.wild.example.org",
                "w.relay.example.org",
            ),
            "x.wild.example.org",
        ),
        (
            (
                "_acme-challenge.into-round.example.com",
                "first.round.example.com",
                "x.round.example.com",
            ),
            "first.round.example.com",
        ),
    ],
    ids=["second link", "third link", "a wildcard that loops"],
)
async def test_a_chain_ends_where_only_a_wildcard_leads_on(
    resolver: Resolver, chain: tuple[str, ...], target: str
) -> None:
    names = tuple(name(link) for link in chain)
    delegation = await follow_delegation(resolver, names[0])
    assert delegation == Delegation(names, name(target), from_wildcard=True)
    assert delegation.is_delegated


async def test_a_link_of_its_own_beside_a_wildcard_is_followed(resolver: Resolver) -> None:
    delegation = await follow_delegation(resolver, name("_acme-challenge.beside.example.com"))
    assert delegation == led(
        "_acme-challenge.beside.example.com", "explicit.target.example.com", "end.example.org"
    )


@pytest.mark.parametrize(
    ("start", "expected"),
    [
        ("_acme-challenge.www.wild.example.com", "lb.example.org"),
        ("_acme-challenge.through.example.com", "end.example.org"),
        ("_acme-challenge.deeper.example.com", "w.relay.example.org"),
        ("_acme-challenge.deeper.example.com", "far.example.org"),
    ],
)
async def test_wildcards_that_lead_to_where_the_record_is_to_be_are_a_delegation(
    resolver: Resolver, start: str, expected: str
) -> None:
    delegation = await follow_delegation(resolver, name(start), expected=name(expected))
    assert delegation.target == name(expected)
    assert delegation.is_delegated


@pytest.mark.parametrize("start", ["through", "into-round"])
async def test_wildcards_that_do_not_lead_there_change_nothing(
    resolver: Resolver, start: str
) -> None:
    challenge = name(f"_acme-challenge.{start}.example.com")
    expected = name("elsewhere.example.org")
    found = await follow_delegation(resolver, challenge, expected=expected)
    assert found == await follow_delegation(resolver, challenge)
    assert found.from_wildcard


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


@pytest.mark.parametrize("start", ["_acme-challenge.root", "_acme-challenge.any.rooted"])
async def test_a_cname_that_leads_to_the_root_is_said_so(resolver: Resolver, start: str) -> None:
    with pytest.raises(DelegationError, match=r"leads to the root \('\.'\)"):
        await follow_delegation(resolver, name(f"{start}.example.com"))


async def test_twelve_links_are_one_too_many(resolver: Resolver) -> None:
    with pytest.raises(DelegationError, match=r"more than 11 links: c1\.example\.com -> .*c13\."):
        await follow_delegation(resolver, name("c1.example.com"))


async def test_a_cname_to_bytes_that_no_name_may_hold_is_said_so(resolver: Resolver) -> None:
    with pytest.raises(DelegationError, match="with characters other than letters"):
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


class SmallServer:
    """Serves example.com at 127.0.0.1, and is its own resolver, as far as ``records`` go."""

    def __init__(self, records: dict[tuple[str, str], str], failing: dns.rcode.Rcode | None = None):
        self.records = records | {
            ("example.com", "SOA"): soa("example.com"),
            ("example.com", "NS"): "example.com NS ns.example.com.",
            ("ns.example.com", "A"): "ns.example.com A 127.0.0.1",
        }
        self.failing = failing

    def __call__(self, question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0]
        owner, rdtype = asked.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(asked.rdtype)
        if (owner, rdtype) in self.records:
            return reply(question, self.records[owner, rdtype])
        if self.failing is not None and rdtype != "TXT":
            return reply(question, rcode=self.failing, authoritative=False)
        if (owner, "CNAME") in self.records:
            return reply(question, self.records[owner, "CNAME"])
        for wildcard in [key for key, _ in self.records if key.startswith("*.")]:
            if owner.partition(".")[2] == wildcard[2:]:
                return reply(question, self.records[wildcard, "CNAME"].replace(wildcard, owner))
        return reply(question, authority=(soa("example.com"),), rcode=dns.rcode.NXDOMAIN)


@pytest.fixture
async def ask_small_server() -> AsyncIterator[Callable[[SmallServer], Awaitable[Resolver]]]:
    async with AsyncExitStack() as running:

        async def start(server: SmallServer) -> Resolver:
            fake = await running.enter_async_context(FakeDns(server))
            return Resolver([ServerAddress(fake.address, fake.port)], authoritative_port=fake.port)

        yield start


async def test_a_wildcard_is_recognised_where_servers_take_it_for_one_label_only(
    ask_small_server: Callable[[SmallServer], Awaitable[Resolver]],
) -> None:
    records = {("*.example.com", "CNAME"): "*.example.com CNAME lb.example.com."}
    resolver = await ask_small_server(SmallServer(records))
    assert (await follow_delegation(resolver, name("_acme-challenge.example.com"))).from_wildcard


FAILURES = [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.NOTIMP, dns.rcode.FORMERR]


@pytest.mark.parametrize("failure", FAILURES, ids=dns.rcode.to_text)
async def test_a_server_that_answers_for_txt_only_is_a_warning(
    ask_small_server: Callable[[SmallServer], Awaitable[Resolver]], failure: dns.rcode.Rcode
) -> None:
    challenge = "_acme-challenge.example.com"
    records = {(challenge, "TXT"): f"{challenge} TXT old"}
    resolver = await ask_small_server(SmallServer(records, failing=failure))
    delegation = await follow_delegation(resolver, name(challenge))
    assert delegation == led(challenge)
    (warning,) = delegation.warnings
    assert f"CNAME of {challenge}" in warning
    assert dns.rcode.to_text(failure) in warning


async def test_a_cname_in_the_answer_for_txt_is_followed_where_none_for_cname_comes(
    ask_small_server: Callable[[SmallServer], Awaitable[Resolver]],
) -> None:
    chain = "_acme-challenge.example.com", "abc.example.com"
    records = {(chain[0], "TXT"): f"{chain[0]} CNAME {chain[1]}."}
    resolver = await ask_small_server(SmallServer(records, failing=dns.rcode.SERVFAIL))
    delegation = await follow_delegation(resolver, name(chain[0]))
    assert delegation == led(*chain)
    assert len(delegation.warnings) == 2


async def test_a_server_that_fails_for_every_type_is_an_error() -> None:
    def server(question: dns.message.Message) -> dns.message.Message:
        if "_acme-challenge" in question.question[0].name.to_text():
            return reply(question, rcode=dns.rcode.SERVFAIL)
        return SmallServer({})(question)

    async with FakeDns(server) as fake:
        resolver = Resolver([ServerAddress(fake.address, fake.port)], authoritative_port=fake.port)
        with pytest.raises(DnsError, match=r"CNAME of _acme-challenge\..*SERVFAIL"):
            await follow_delegation(resolver, name("_acme-challenge.example.com"))


@pytest.mark.parametrize("address", ["127.0.0.99", ""], ids=["dead", "without an address"])
async def test_servers_of_a_delegated_zone_that_do_not_answer_are_named(address: str) -> None:
    """The resolver fails only because they do, and another one would not help."""
    challenge = "_acme-challenge.example.com"
    referral = f"{challenge} NS ns.other.example."

    def server(question: dns.message.Message) -> dns.message.Message:
        asked = question.question[0].name.to_text()
        if question.flags & dns.flags.RD and challenge in asked:
            return reply(question, rcode=dns.rcode.SERVFAIL, recursive=True)
        if challenge in asked:
            return reply(question, authority=(referral,), authoritative=False)
        if asked == "ns.other.example.":
            found = (f"ns.other.example A {address}",) if address else ()
            return reply(question, *found, recursive=True)
        return SmallServer({})(question)

    async with FakeDns(server) as fake:
        servers = [ServerAddress(fake.address, fake.port)]
        resolver = Resolver(servers, authoritative_port=fake.port, timeout=0.1)
        words = rf"name servers of the zone {challenge} \(ns\.other\.example\) .*SERVFAIL"
        with pytest.raises(DnsError, match=words):
            await follow_delegation(resolver, name(challenge))
