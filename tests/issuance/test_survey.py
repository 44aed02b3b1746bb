"""Surveys: what would happen to each identifier, told without changing anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.issuance.fake_provider import DelegatedMemoryProvider, MemoryProvider
from tests.support.peers.knot import Knot
from tests.support.world import zone_text
from zoneproof.challenges.dns01 import DelegationRules, DnsMethod
from zoneproof.challenges.http01 import HttpMethod
from zoneproof.challenges.method import Method
from zoneproof.challenges.webroot import Webroot
from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import Answer, PropagationPolicy, Resolver, ServerStatus, parse_server
from zoneproof.issuance import (
    Choice,
    PreflightReport,
    preflight,
)
from zoneproof.providers import ProviderContext, Zone
from zoneproof.providers.contract import Limits
from zoneproof.providers.manual import Manual

CONTEXT = ProviderContext({})


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knot]:
    zones = {
        "com": zone_text("com"),
        "net": zone_text("net"),
        "example.com": zone_text(
            "example.com",
            "_acme-challenge.moved CNAME moved.auth.example.net.",
            "_acme-challenge.blocked TXT left-over",
            "_acme-challenge.full TXT old-one",
            "_acme-challenge.full TXT old-two",
            "_acme-challenge.loop CNAME _acme-challenge.loop",
            "*.wild CNAME somewhere.example.net.",
            "_acme-challenge.into CNAME x.wild",
            'denied CAA 0 issue "other.example"',
        ),
        "sub.example.com": zone_text("sub.example.com"),
        "example.net": zone_text("example.net"),
    }
    with Knot(tmp_path_factory.mktemp("knot"), zones) as server:
        yield server


class CountingResolver(Resolver):
    """Counts the questions that leave this process."""

    def __init__(self, port: int) -> None:
        super().__init__([parse_server(f"127.0.0.1:{port}")], authoritative_port=port)
        self.asked: Counter[tuple[str, str]] = Counter()

    async def query(self, name: DomainName, rdtype: str) -> Answer:
        self.asked[name.text, rdtype] += 1
        return await super().query(name, rdtype)

    async def ask_server(self, address: str, name: DomainName, rdtype: str) -> Answer:
        self.asked[name.text, rdtype] += 1
        return await super().ask_server(address, name, rdtype)


@pytest.fixture
async def resolver(knot: Knot) -> AsyncIterator[CountingResolver]:
    async with CountingResolver(knot.port) as found:
        yield found


def by_dns(provider: MemoryProvider | None = None, delegation: str = "") -> DnsMethod:
    return DnsMethod(
        "memory",
        provider or MemoryProvider(CONTEXT),
        PropagationPolicy(),
        {},
        delegation=DelegationRules.parse(delegation),
        credential="mine",
    )


async def surveyed(
    resolver: Resolver, method: Method, *names: str, issuers: tuple[str, ...] = ("ca.example",)
) -> list[PreflightReport]:
    return await preflight(
        [Identifier.parse(name) for name in names],
        lambda _: Choice(method, "the default"),
        resolver,
        issuers=issuers,
    )


def problems(examination: PreflightReport) -> list[str]:
    return [finding.text for finding in examination.findings if finding.is_problem]


async def test_a_name_that_no_rule_is_about_is_told(resolver: Resolver) -> None:
    method = by_dns(delegation="sub.exampel.com:b.example.net;exampel.com:c.example.net")
    (found,) = await surveyed(resolver, method, "example.com")
    assert not found.would_fail
    assert [finding.text for finding in found.findings] == [
        "no rule of the delegation 'sub.exampel.com:b.example.net;exampel.com:c.example.net' is"
        " about example.com"
    ]


async def test_a_sound_name_is_shown_with_all_that_will_be_used(resolver: Resolver) -> None:
    provider = MemoryProvider(CONTEXT, ["example.com"])
    (found,) = await surveyed(resolver, by_dns(provider), "*.example.com")
    assert not found.would_fail
    assert found.findings == ()
    assert found.choice is not None
    assert found.choice.reason == "the default"
    assert found.name is not None
    assert str(found.name.challenge_name) == "_acme-challenge.example.com"
    assert found.name.publish_name == found.name.challenge_name
    assert str(found.name.zone.name) == "example.com"
    assert [server.status for server in found.name.servers.servers] == [ServerStatus.VISIBLE]
    assert found.zone == Zone(DomainName("example.com"), "id of example.com")
    assert found.caa is not None
    assert found.caa.allowed


async def test_one_names_errors_hide_nothing_of_the_others(resolver: Resolver) -> None:
    results = await surveyed(
        resolver, by_dns(), "loop.example.com", "192.0.2.1", "www.example.com", "moved.example.com"
    )
    assert [found.would_fail for found in results] == [True, True, False, False]
    assert "form a loop" in problems(results[0])[0]
    assert "only by http-01" in problems(results[1])[0]
    assert results[3].name is not None
    assert str(results[3].name.publish_name) == "moved.auth.example.net"


async def test_what_choosing_a_method_refuses_is_that_names_finding(resolver: Resolver) -> None:
    def choose(identifier: Identifier) -> Choice:
        if identifier.is_wildcard:
            raise InvalidInputError(f"no method matches {identifier}")
        return Choice(by_dns(), "")

    names = [Identifier.parse(name) for name in ("*.example.com", "example.com")]
    wildcard, apex = await preflight(names, choose, resolver)
    assert problems(wildcard) == ["no method matches *.example.com"]
    assert wildcard.choice is None
    assert not apex.would_fail


async def test_wrong_credentials_are_a_finding_beside_what_the_dns_says(
    resolver: Resolver,
) -> None:
    class Locked(MemoryProvider):
        async def zones(self) -> list[Zone]:
            raise ProviderCredentialsError("memory: it does not accept the token")

    for found in await surveyed(resolver, by_dns(Locked(CONTEXT)), "a.example.com", "example.com"):
        assert problems(found) == ["memory: it does not accept the token"]
        assert found.zone is None
        assert found.name is not None
        assert str(found.name.zone.name) == "example.com"


async def test_a_registration_that_is_to_be_made_is_told_and_not_made(resolver: Resolver) -> None:
    provider = DelegatedMemoryProvider(CONTEXT)
    (found,) = await surveyed(resolver, by_dns(provider), "www.example.com")
    (problem,) = problems(found)
    assert problem.startswith("www.example.com is not registered at Memory yet")
    assert "CNAME from _acme-challenge.www.example.com" in problem
    assert provider.registered == {}


@pytest.mark.parametrize(
    ("name", "publish_name"),
    [("a.wild", "_acme-challenge.a.wild.example.com"), ("into", "x.wild.example.com")],
)
async def test_a_wildcard_is_told_with_the_name_for_which_it_answers(
    resolver: Resolver, name: str, publish_name: str
) -> None:
    (found,) = await surveyed(resolver, by_dns(), f"{name}.example.com")
    assert not found.would_fail
    assert found.name is not None
    assert str(found.name.publish_name) == publish_name
    (text,) = [one.text for one in found.findings]
    assert text.startswith(f"a wildcard CNAME answers for {publish_name} (with somewhere.")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("www", "the CNAME at _acme-challenge.www.example.com is missing"),
        ("moved", "leads to moved.auth.example.net instead of _acme-challenge.b.example.net"),
        ("blocked", "has a TXT record, and no CNAME can exist beside it"),
        ("a.wild", "a wildcard CNAME answers for _acme-challenge.a.wild.example.com"),
    ],
)
async def test_a_delegation_that_is_not_as_the_rule_wants_it_comes_with_its_record(
    resolver: Resolver, name: str, text: str
) -> None:
    domain = f"{name}.example.com"
    method = by_dns(delegation="*.example.com:b.example.net")
    (found,) = await surveyed(resolver, method, domain)
    (finding,) = [one for one in found.findings if one.is_problem]
    assert text in finding.text
    assert finding.record == (f"_acme-challenge.{domain}. IN CNAME _acme-challenge.b.example.net.")


async def test_methods_that_need_one_name_to_lead_to_two_places_are_told(
    resolver: Resolver,
) -> None:
    rules = {"example.com": "example.com:a.example.net", "*.example.com": ""}
    methods = {name: by_dns(delegation=rule) for name, rule in rules.items()}
    results = await preflight(
        [Identifier.parse(name) for name in methods],
        lambda identifier: Choice(methods[identifier.value], ""),
        resolver,
    )
    for found in results:
        assert "example.com and *.example.com share the name" in problems(found)[-1]


async def test_values_left_over_are_noted(resolver: Resolver) -> None:
    (found,) = await surveyed(resolver, by_dns(), "full.example.com")
    assert not found.would_fail
    assert found.name is not None
    assert sorted(text for _, text in found.name.leftovers) == ["old-one", "old-two"]


async def test_a_name_at_which_the_service_takes_no_values_is_a_problem(
    resolver: Resolver,
) -> None:
    class OnlyChallenges(MemoryProvider):
        info = replace(MemoryProvider.info, limits=Limits(only_challenges=True))

    method = by_dns(OnlyChallenges(CONTEXT))
    here, moved = await surveyed(resolver, method, "www.example.com", "moved.example.com")
    assert not problems(here)
    (problem,) = problems(moved)
    assert problem.startswith("Memory, zone example.net: TXT values can be written only at names")
    assert problem.endswith("not at 'moved.auth'")


async def test_a_provider_that_would_write_to_another_zone_is_noted(resolver: Resolver) -> None:
    provider = MemoryProvider(CONTEXT, ["example.com"])
    (found,) = await surveyed(resolver, by_dns(provider), "www.sub.example.com")
    (finding,) = found.findings
    assert "would write to its zone example.com" in finding.text
    assert not found.would_fail


async def test_a_pause_for_a_person_is_noted(resolver: Resolver) -> None:
    method = DnsMethod("manual", Manual(CONTEXT), PropagationPolicy(), {})
    (found,) = await surveyed(resolver, method, "www.example.com")
    assert "will pause until you have created the TXT record" in found.findings[0].text
    assert not found.would_fail


async def test_http_01_is_shown_with_where_it_is_answered(
    resolver: Resolver, tmp_path: Path
) -> None:
    method = HttpMethod(Webroot(tmp_path))
    address, name = await surveyed(resolver, method, "192.0.2.1", "www.example.com")
    for found in (address, name):
        assert found.name is None
        assert not found.would_fail
    assert method.responder.where == f"files below {tmp_path}"
    denied, wildcard = await surveyed(
        resolver, HttpMethod(Webroot(tmp_path / "missing")), "denied.example.com", "*.example.com"
    )
    assert "missing is not a directory" in problems(denied)[0]
    assert "allows another CA" in problems(denied)[1]
    assert "wildcard, which http-01 cannot validate" in problems(wildcard)[0]


async def test_what_names_share_is_asked_once(resolver: CountingResolver) -> None:
    """Few questions for a name: its zone, its CNAME, its TXT at each server, its CAA."""
    hosts = [f"h{number}.example.com" for number in range(50)]
    await surveyed(resolver, by_dns(), "example.com", "*.example.com", *hosts)
    assert max(resolver.asked.values()) == 1
    for host in ("example.com", *hosts):
        assert resolver.asked[host, "CAA"] == 1
        of_challenge = {
            rdtype: count
            for (name, rdtype), count in resolver.asked.items()
            if name == f"_acme-challenge.{host}"
        }
        assert of_challenge == {"CNAME": 1, "TXT": 1}
    assert resolver.asked["com", "CAA"] == 1
