"""Plans: where each identifier's values go, before anything is changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.issuance.fake_provider import DelegatedMemoryProvider, MemoryProvider
from tests.peers.knot import Knot
from tests.world import zone_text
from zoneproof.dnsquery import PropagationPolicy, Resolver, parse_server
from zoneproof.errors import (
    AwaitingUserError,
    DelegationError,
    InvalidInputError,
    ProviderZoneError,
)
from zoneproof.issuance import (
    Choice,
    DelegationRules,
    DnsMethod,
    Plan,
    check_identifiers,
    make_plan,
)
from zoneproof.names import Identifier
from zoneproof.providers import ProviderContext

CONTEXT = ProviderContext({})


@pytest.fixture(scope="module")
def knot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Knot]:
    zones = {
        "example.com": zone_text(
            "example.com",
            "_acme-challenge.moved CNAME moved.auth.example.net.",
            "_acme-challenge.old CNAME old.elsewhere.example.net.",
            "_acme-challenge.made CNAME r0.auth.example.net.",
            "_acme-challenge.ruled CNAME _acme-challenge.ruled.auth.example.net.",
            "_acme-challenge.loop CNAME _acme-challenge.loop",
            "*.wild CNAME somewhere.example.net.",
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


def identifiers(*names: str) -> list[Identifier]:
    return [Identifier.parse(name) for name in names]


async def plan(
    resolver: Resolver,
    provider: MemoryProvider,
    *names: str,
    register: bool = False,
    delegation: str = "",
) -> Plan:
    rules = DelegationRules.parse(delegation)
    method = DnsMethod("memory", provider, PropagationPolicy(), {}, delegation=rules)
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


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ([], "at least one"),
        ([f"h{number}.example.com" for number in range(101)], "101 names are too many"),
        (["example.com", "EXAMPLE.com."], "listed twice"),
        (["*.example.com", "www.example.com"], r"covered by \*\.example\.com"),
    ],
)
def test_what_no_order_can_hold_is_refused(names: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        check_identifiers(identifiers(*names))


@given(
    st.lists(
        st.tuples(
            st.booleans(), st.sampled_from(["example.com", "a.example.com", "b.a.example.com"])
        ),
        unique=True,
        min_size=1,
    )
)
def test_what_is_accepted_holds_no_name_that_a_wildcard_covers(
    parts: list[tuple[bool, str]],
) -> None:
    chosen = identifiers(*(f"*.{name}" if wildcard else name for wildcard, name in parts))
    try:
        check_identifiers(chosen)
        accepted = True
    except InvalidInputError:
        accepted = False
    plain = {one.domain for one in chosen if not one.is_wildcard}
    covered = any(
        one.domain in {name.parent for name in plain} for one in chosen if one.is_wildcard
    )
    assert accepted == (not covered)
