"""Plans: where each identifier's values go, before anything is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.issuance.fake_provider import DelegatedMemoryProvider, MemoryProvider
from tests.support.identifiers import identifiers
from tests.support.peers.knot import Knot
from tests.support.world import zone_text
from zoneproof.challenges.dns01 import DelegationRules, DnsMethod
from zoneproof.challenges.http01 import HttpMethod
from zoneproof.challenges.method import Method
from zoneproof.challenges.webroot import Webroot
from zoneproof.core.errors import (
    AwaitingUserError,
    DelegationError,
    InvalidInputError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import PropagationPolicy, Resolver, parse_server
from zoneproof.issuance import Choice, Plan, make_plan
from zoneproof.providers import ProviderContext, Zone

CONTEXT = ProviderContext({})


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knot]:
    zones = {
        "example.com": zone_text(
            "example.com",
            "_acme-challenge.moved CNAME moved.auth.example.net.",
            "_acme-challenge.blocked TXT left-over",
            "_acme-challenge.old CNAME old.elsewhere.example.net.",
            "_acme-challenge.older CNAME older.elsewhere.example.net.",
            "_acme-challenge.made CNAME r0.auth.example.net.",
            "_acme-challenge.ruled CNAME _acme-challenge.ruled.auth.example.net.",
            "_acme-challenge.loop CNAME _acme-challenge.loop",
            "*.wild CNAME somewhere.example.net.",
            "*.all CNAME r0.auth.example.net.",
        ),
        "example.net": zone_text("example.net"),
    }
    with Knot(tmp_path_factory.mktemp("knot"), zones) as server:
        yield server


@pytest.fixture
async def resolver(knot: Knot) -> AsyncIterator[Resolver]:
    async with Resolver(
        [parse_server(f"127.0.0.1:{knot.port}")], authoritative_port=knot.port
    ) as found:
        yield found


async def plan(
    resolver: Resolver,
    provider: MemoryProvider,
    *names: str,
    register: bool = False,
    delegation: str = "",
    zone: str = "",
    follow_cname: bool = True,
) -> Plan:
    rules = DelegationRules.parse(delegation)
    method = DnsMethod(
        "memory",
        provider,
        PropagationPolicy(),
        {},
        delegation=rules,
        zone=zone,
        follow_cname=follow_cname,
    )
    choice = Choice(method, "the only method")
    return await make_plan(identifiers(*names), lambda _: choice, resolver, register=register)


async def test_apex_and_wildcard_share_one_challenge_name(resolver: Resolver) -> None:
    made = await plan(resolver, MemoryProvider(CONTEXT), "example.com", "*.example.com")
    (name,) = made.names
    assert str(name.publish_name) == "_acme-challenge.example.com"
    assert [one.name for one in made.planned] == [name, name]


async def test_the_zone_is_found_by_asking_the_dns_when_the_provider_lists_none(
    resolver: Resolver,
) -> None:
    made = await plan(resolver, MemoryProvider(CONTEXT), "a.b.example.com")
    assert made.names[0].zone is not None
    assert str(made.names[0].zone.name) == "example.com"


async def test_the_longest_listed_zone_at_a_label_boundary_wins(resolver: Resolver) -> None:
    provider = MemoryProvider(CONTEXT, ["example.com", "sub.example.com", "xsub.example.com"])
    made = await plan(resolver, provider, "a.sub.example.com", "a.ysub.example.com")
    zones = [str(name.zone.name) for name in made.names if name.zone]
    assert zones == ["sub.example.com", "example.com"]
    assert made.names[0].zone is not None
    assert made.names[0].zone.id == "id of sub.example.com"


async def test_of_two_zones_of_one_name_a_person_chooses(resolver: Resolver) -> None:
    provider = MemoryProvider(CONTEXT)
    zone = DomainName.parse("example.com")
    provider.listed = [Zone(zone, "Z1"), Zone(zone, "Z2")]
    with pytest.raises(ProviderZoneError, match=r"2 zones example\.com: .* one of Z1, Z2"):
        await plan(resolver, provider, "www.example.com")
    with pytest.raises(ProviderZoneError, match="2 zones"):
        await plan(resolver, provider, "www.example.com", zone="example.com")


async def test_a_provider_is_asked_once_for_its_zones(resolver: Resolver) -> None:
    provider = MemoryProvider(CONTEXT, ["example.com"])
    await plan(resolver, provider, *(f"h{number}.example.com" for number in range(20)))
    assert provider.calls == ["zones"]


async def test_a_provider_without_the_zone_is_named_with_what_it_has(resolver: Resolver) -> None:
    provider = MemoryProvider(CONTEXT, ["example.org"])
    with pytest.raises(ProviderZoneError, match=r"Memory has no zone .* it has example\.org"):
        await plan(resolver, provider, "example.com")


async def test_the_value_goes_where_the_cname_leads(resolver: Resolver) -> None:
    made = await plan(resolver, MemoryProvider(CONTEXT), "moved.example.com")
    assert str(made.names[0].publish_name) == "moved.auth.example.net"
    assert made.names[0].zone is not None
    assert str(made.names[0].zone.name) == "example.net"


async def test_a_wildcard_cname_to_what_is_registered_needs_no_cname_beside_it(
    resolver: Resolver,
) -> None:
    provider = DelegatedMemoryProvider(CONTEXT)
    made = await plan(resolver, provider, "www.all.example.com", register=True)
    made.require_complete()
    assert str(made.names[0].publish_name) == "r0.auth.example.net"


async def test_a_wildcard_cname_is_no_delegation(resolver: Resolver) -> None:
    made = await plan(resolver, MemoryProvider(CONTEXT), "wild.example.com")
    assert str(made.names[0].publish_name) == "_acme-challenge.wild.example.com"


async def test_a_loop_is_an_error(resolver: Resolver) -> None:
    with pytest.raises(DelegationError, match="loop"):
        await plan(resolver, MemoryProvider(CONTEXT), "loop.example.com")


async def test_a_delegated_provider_needs_its_cname_and_says_which(resolver: Resolver) -> None:
    made = await plan(
        resolver,
        DelegatedMemoryProvider(CONTEXT),
        "www.example.com",
        "a.example.com",
        register=True,
    )
    with pytest.raises(AwaitingUserError, match="create these 2 CNAMEs") as caught:
        made.require_complete()
    assert caught.value.records == (
        "_acme-challenge.www.example.com. IN CNAME r0.auth.example.net.",
        "_acme-challenge.a.example.com. IN CNAME r1.auth.example.net.",
    )


async def test_a_cname_that_leads_elsewhere_is_named(resolver: Resolver) -> None:
    made = await plan(resolver, DelegatedMemoryProvider(CONTEXT), "old.example.com", register=True)
    with pytest.raises(
        AwaitingUserError, match=r"leads to old\.elsewhere\.example\.net instead of r0\."
    ):
        made.require_complete()


async def test_of_several_wrong_cnames_each_is_named_with_its_record(resolver: Resolver) -> None:
    names = ("old.example.com", "www.example.com", "older.example.com")
    made = await plan(resolver, DelegatedMemoryProvider(CONTEXT), *names, register=True)
    with pytest.raises(AwaitingUserError) as caught:
        made.require_complete()
    assert caught.value.message == (
        "awaiting user: the CNAME at _acme-challenge.old.example.com leads to"
        " old.elsewhere.example.net instead of r0.auth.example.net: change it; the CNAME at"
        " _acme-challenge.older.example.com leads to older.elsewhere.example.net instead of"
        " r2.auth.example.net: change it; create the rest"
    )
    assert len(caught.value.records) == 3


async def test_a_delegated_provider_with_its_cname_publishes_at_its_target(
    resolver: Resolver,
) -> None:
    made = await plan(resolver, DelegatedMemoryProvider(CONTEXT), "made.example.com", register=True)
    made.require_complete()
    assert made.names[0].zone is not None
    assert made.names[0].zone.name == made.names[0].publish_name


async def test_without_leave_nothing_is_registered(resolver: Resolver) -> None:
    provider = DelegatedMemoryProvider(CONTEXT)
    made = await plan(resolver, provider, "www.example.com")
    assert provider.registered == {}
    assert made.names[0].zone is None


async def test_a_delegation_rule_says_where_to_publish_once_its_cname_is_there(
    resolver: Resolver,
) -> None:
    made = await plan(
        resolver,
        MemoryProvider(CONTEXT),
        "ruled.example.com",
        "*.ruled.example.com",
        delegation="*.example.com:*.auth.example.net",
    )
    made.require_complete()
    (name,) = made.names
    assert str(name.publish_name) == "_acme-challenge.ruled.auth.example.net"
    assert name.zone is not None
    assert str(name.zone.name) == "example.net"


async def test_a_delegation_rule_without_its_cname_asks_for_it(resolver: Resolver) -> None:
    made = await plan(
        resolver, MemoryProvider(CONTEXT), "www.example.com", delegation="www.example.com:b.org"
    )
    with pytest.raises(AwaitingUserError) as caught:
        made.require_complete()
    assert caught.value.records == (
        "_acme-challenge.www.example.com. IN CNAME _acme-challenge.b.org.",
    )


async def test_a_txt_record_in_the_way_of_the_cname_is_named(resolver: Resolver) -> None:
    made = await plan(
        resolver,
        DelegatedMemoryProvider(CONTEXT),
        "blocked.example.com",
        "www.example.com",
        register=True,
    )
    assert made.names[0].in_the_way == ("left-over",)
    with pytest.raises(
        AwaitingUserError, match=r"_acme-challenge\.blocked.* has a TXT record.*Universal SSL"
    ) as caught:
        made.require_complete()
    assert len(caught.value.records) == 2


async def test_cnames_are_not_followed_where_that_is_turned_off(resolver: Resolver) -> None:
    made = await plan(resolver, MemoryProvider(CONTEXT), "moved.example.com", follow_cname=False)
    assert str(made.names[0].publish_name) == "_acme-challenge.moved.example.com"


# --- the method's own zone ---------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["example.com", "EXAMPLE.com.", "id of example.com"])
async def test_a_zone_that_is_given_by_id_or_name_wins_over_a_longer_one(
    resolver: Resolver, zone: str
) -> None:
    provider = MemoryProvider(CONTEXT, ["example.com", "sub.example.com"])
    made = await plan(resolver, provider, "a.sub.example.com", zone=zone)
    assert made.names[0].zone == Zone(DomainName("example.com"), "id of example.com")


async def test_of_two_zones_with_one_name_the_id_tells(resolver: Resolver) -> None:
    provider = MemoryProvider(CONTEXT)
    name = DomainName("example.com")
    provider.listed = [Zone(name, "private"), Zone(name, "public")]
    made = await plan(resolver, provider, "www.example.com", zone="public")
    assert made.names[0].zone == Zone(name, "public")


async def test_a_name_is_taken_as_it_is_where_the_provider_lists_nothing(
    resolver: Resolver,
) -> None:
    made = await plan(resolver, MemoryProvider(CONTEXT), "a.b.example.com", zone="b.example.com")
    assert made.names[0].zone == Zone(DomainName("b.example.com"))


@pytest.mark.parametrize(
    ("listed", "zone", "message"),
    [
        (["example.com"], "example.org", r"no zone 'example\.org' for _acme.*it has example\.com"),
        (
            ["example.org"],
            "example.org",
            r"zone example\.org does not contain _acme-challenge\.",
        ),
        ([], "example.org", r"zone example\.org does not contain _acme-challenge\."),
        ([], "Z0123/4", r"'Z0123/4' is not a zone's name, and Memory cannot list"),
    ],
)
async def test_an_unsuitable_zone_is_named_with_the_publish_name(
    resolver: Resolver, listed: list[str], zone: str, message: str
) -> None:
    with pytest.raises(ProviderZoneError, match=message):
        await plan(resolver, MemoryProvider(CONTEXT, listed), "www.example.com", zone=zone)


@pytest.mark.parametrize(("delegation", "zone"), [("example.com:b.org", ""), ("", "example.com")])
async def test_a_provider_with_a_target_of_its_own_takes_neither_rules_nor_zone(
    resolver: Resolver, delegation: str, zone: str
) -> None:
    provider = DelegatedMemoryProvider(CONTEXT)
    with pytest.raises(InvalidInputError, match="Memory decides itself where it publishes"):
        await plan(resolver, provider, "www.example.com", delegation=delegation, zone=zone)


# --- several methods ---------------------------------------------------------------------------


def dns_method(provider: MemoryProvider) -> DnsMethod:
    return DnsMethod("memory", provider, PropagationPolicy(), {})


async def plan_with(resolver: Resolver, methods: dict[str, Method]) -> Plan:
    return await make_plan(
        identifiers(*methods), lambda one: Choice(methods[one.value], f"for {one}"), resolver
    )


async def test_apex_and_wildcard_may_differ_in_challenge_type(resolver: Resolver) -> None:
    by_http = HttpMethod(Webroot(Path("/var/www")))
    by_dns = dns_method(MemoryProvider(CONTEXT))
    methods: dict[str, Method] = {"example.com": by_http, "*.example.com": by_dns}
    made = await plan_with(resolver, methods)
    assert [(str(one.identifier), one.method.type, one.reason) for one in made.planned] == [
        ("example.com", "http-01", "for example.com"),
        ("*.example.com", "dns-01", "for *.example.com"),
    ]
    assert made.planned[0].name is None
    assert [str(name.publish_name) for name in made.names] == ["_acme-challenge.example.com"]


async def test_apex_and_wildcard_may_have_different_providers_for_one_name(
    resolver: Resolver,
) -> None:
    made = await plan_with(
        resolver,
        {name: dns_method(MemoryProvider(CONTEXT)) for name in ("example.com", "*.example.com")},
    )
    assert len(made.names) == 2
    assert made.names[0].publish_name == made.names[1].publish_name


async def test_methods_that_need_one_name_to_lead_to_two_places_are_refused(
    resolver: Resolver,
) -> None:
    provider = DelegatedMemoryProvider(CONTEXT)
    await provider.target(DomainName("example.com"), create=True)
    await provider.target(DomainName("a.b.example.com"), create=True)
    methods: dict[str, Method] = {
        "example.com": dns_method(provider),
        "*.example.com": dns_method(MemoryProvider(CONTEXT)),
        "a.b.example.com": dns_method(provider),
        "*.a.b.example.com": dns_method(MemoryProvider(CONTEXT)),
    }
    with pytest.raises(InvalidInputError) as caught:
        await plan_with(resolver, methods)
    for name in ("_acme-challenge.example.com", "_acme-challenge.a.b.example.com"):
        assert f"share the name {name}, and" in caught.value.message


async def test_an_ip_address_is_for_http_01_alone(resolver: Resolver) -> None:
    address = "2001:db8::1"
    made = await plan_with(resolver, {address: HttpMethod(Webroot(Path("/var/www")))})
    assert made.identifiers == (Identifier("ip", address),)
    with pytest.raises(InvalidInputError, match="not validate those by DNS, only by http-01"):
        await plan_with(resolver, {address: dns_method(MemoryProvider(CONTEXT))})


async def test_a_wildcard_is_not_for_http_01(resolver: Resolver) -> None:
    with pytest.raises(InvalidInputError, match="which http-01 cannot validate"):
        await plan_with(resolver, {"*.example.com": HttpMethod(Webroot(Path("/var/www")))})
