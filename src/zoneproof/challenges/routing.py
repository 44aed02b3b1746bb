"""Where the TXT values of each challenge name go, found without changing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec
from msgspec.structs import replace

from zoneproof.challenges.dns01 import DnsMethod
from zoneproof.challenges.records import cname_record
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import InvalidInputError, InvalidNameError, ProviderZoneError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import (
    Delegation,
    Resolver,
    Status,
    find_zone,
    follow_delegation,
    query_authoritative,
)
from zoneproof.providers import DelegatedProvider, Provider, Zone


class Route(msgspec.Struct, frozen=True):
    """The way from a challenge name to its publish name.

    ``delegation`` is what the DNS has, ``expected`` where a CNAME must lead, None for wherever it
    does. ``unregistered`` tells that the provider has yet to say that.
    """

    domain: DomainName
    challenge_name: DomainName
    delegation: Delegation
    expected: DomainName | None
    unregistered: bool = False

    @property
    def publish_name(self) -> DomainName:
        """Where the values are to be written."""
        return self.expected or self.delegation.target

    @property
    def is_complete(self) -> bool:
        """Whether the CNAME that is needed, if any, is there."""
        return self.expected is None or self.delegation.target == self.expected


async def find_route(
    resolver: Resolver, domain: DomainName, method: DnsMethod, *, register: bool
) -> Route:
    """Find the way for ``domain`` (without ``*.``). Only ``register`` lets anything change.

    Raises DnsError, DelegationError, and ProviderError from making a registration.
    """
    challenge_name = method.challenge_name(domain)
    expected = method.expected_name(domain)
    unregistered = False
    if isinstance(method.provider, DelegatedProvider):
        expected = await method.provider.target(domain, create=register)
        unregistered = expected is None
    if method.follow_cname or expected is not None:
        delegation = await follow_delegation(
            method.resolver or resolver, challenge_name, expected=expected
        )
    else:
        delegation = Delegation((challenge_name,), challenge_name)
    return Route(domain, challenge_name, delegation, expected, unregistered)


async def texts_beside_cname(resolver: Resolver, route: Route) -> tuple[str, ...]:
    """Return the TXT values at a challenge name that has no CNAME and needs one."""
    if route.is_complete or route.delegation.is_delegated or route.delegation.from_wildcard:
        return ()
    answer = await query_authoritative(resolver, route.challenge_name, "TXT")
    return answer.texts if answer.status is Status.RECORDS and not answer.chain else ()


def disagreements(
    places: Iterable[tuple[DomainName, DomainName, DomainName]],
) -> dict[DomainName, str]:
    """Return what is wrong with each challenge name that cannot serve all its methods.

    ``places`` are a domain, its challenge name and the publish name that one method needs.
    """
    needed: dict[DomainName, DomainName] = {}
    wrong: dict[DomainName, str] = {}
    for domain, challenge_name, publish_name in places:
        other = needed.setdefault(challenge_name, publish_name)
        if other != publish_name:
            wrong[challenge_name] = (
                f"{domain} and *.{domain} share the name {challenge_name}, and their methods need"
                f" it to lead to {other} and to {publish_name}: give both the same method"
            )
    return wrong


def cname_advice(delegation: Delegation, expected: DomainName, texts: Sequence[str]) -> str:
    """Say why the CNAME is not as ``expected`` and what to do, in one line without an end.

    ``texts`` are TXT values that stand at the challenge name.
    """
    challenge_name = delegation.chain[0]
    if delegation.is_delegated:
        return (
            f"the CNAME at {challenge_name} leads to {delegation.target} instead of {expected}:"
            " change it"
        )
    if delegation.from_wildcard:
        return (
            f"a wildcard CNAME answers for {challenge_name} (with {delegation.chain[1]}), which is"
            f" no delegation to {expected}: create the CNAME beside it"
        )
    if texts:
        return (
            f"{challenge_name} has a TXT record, and no CNAME can exist beside it: remove it, then"
            " create the CNAME (Cloudflare's Universal SSL creates one that its dashboard does not"
            " show)"
        )
    return f"the CNAME at {challenge_name} is missing: create it"


class ZoneFinder:
    """Finds the zone of a publish name, asking each provider only once for its list."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._lists: dict[Provider, asyncio.Task[list[Zone]]] = {}

    async def find(self, method: DnsMethod, name: DomainName) -> Zone:
        """Return the zone to write to. Raises ProviderError and DnsError."""
        if isinstance(method.provider, DelegatedProvider):
            return Zone(name)
        if method.provider not in self._lists:
            self._lists[method.provider] = asyncio.ensure_future(method.provider.zones())
        listed = await self._lists[method.provider]
        if method.zone:
            return _named_zone(method, name, listed)
        if not listed:
            return Zone((await find_zone(method.resolver or self._resolver, name)).name)
        holding = [zone for zone in listed if name.is_below(zone.name)]
        if holding:
            return _only_longest(method, holding)
        raise ProviderZoneError(
            f"{method.provider.info.title} has no zone that contains {name}; it has"
            f" {_shown(listed)}: choose another provider or credential"
        )


def _only_longest(method: DnsMethod, holding: Sequence[Zone]) -> Zone:
    longest = max(holding, key=lambda zone: len(zone.name.labels))
    twins = [zone.id for zone in holding if zone.name == longest.name]
    if len(twins) > 1:
        raise ProviderZoneError(
            f"{method.provider.info.title} has {len(twins)} zones {longest.name}: set the method's"
            f" zone to the id of the one that the name servers of {longest.name} serve, one of"
            f" {', '.join(twins)}"
        )
    return longest


def _named_zone(method: DnsMethod, name: DomainName, listed: Sequence[Zone]) -> Zone:
    title = method.provider.info.title
    try:
        wanted = DomainName.parse(method.zone)
    except InvalidNameError:
        wanted = None  # an id
    if listed:
        known = [zone for zone in listed if zone.id == method.zone or zone.name == wanted]
        if not known:
            raise ProviderZoneError(
                f"{title} has no zone '{method.zone[:80]}' for {name}; it has {_shown(listed)}:"
                " change the method's zone, or leave it empty"
            )
    elif wanted is None or wanted.is_wildcard:
        raise ProviderZoneError(
            f"'{method.zone[:80]}' is not a zone's name, and {title} cannot list its zones by id:"
            f" give the name of the zone that contains {name}"
        )
    else:
        known = [Zone(wanted)]
    holding = [zone for zone in known if name.is_below(zone.name)]
    if not holding:
        raise ProviderZoneError(
            f"the method's zone {known[0].name} does not contain {name}: change the zone, or leave"
            " it empty"
        )
    return _only_longest(method, holding)


def _shown(zones: Sequence[Zone]) -> str:
    more = f" and {len(zones) - 5} more" if len(zones) > 5 else ""
    return ", ".join(str(zone.name) for zone in zones[:5]) + more


class PlannedName(msgspec.Struct, frozen=True):
    """Where the TXT values for one challenge name go, by one method.

    ``cname`` is the target that a CNAME at the challenge name must have and does not have yet; a
    person has to create it first, and remove the TXT values ``in_the_way``. ``zone`` is None then,
    for a registration that is still to be made, and for a record that stays.
    """

    domain: DomainName
    challenge_name: DomainName
    delegation: Delegation
    publish_name: DomainName
    method: DnsMethod
    zone: Zone | None = None
    cname: DomainName | None = None
    in_the_way: tuple[str, ...] = ()

    @property
    def chain(self) -> tuple[DomainName, ...]:
        """The challenge name, and the names that real CNAMEs lead to from there."""
        chain = self.delegation.chain
        return chain[:-1] if self.delegation.from_wildcard else chain

    @property
    def record_to_create(self) -> str:
        """The missing CNAME in zone-file form; empty if none is missing."""
        return "" if self.cname is None else cname_record(self.challenge_name, self.cname)


async def plan_names(
    wanted: Sequence[tuple[Identifier, DnsMethod]], resolver: Resolver, *, register: bool
) -> list[PlannedName]:
    """Find where each identifier's value goes. Only ``register`` lets anything change.

    Apex and wildcard share the plan of their challenge name, if also the method. Raises
    InvalidInputError, DnsError, DelegationError and ProviderError.
    """
    zones = ZoneFinder(resolver)
    keys = list(dict.fromkeys((identifier.domain, method) for identifier, method in wanted))
    names = await all_at_once(
        _plan_name(method.resolver or resolver, zones, domain, method, register=register)
        for domain, method in keys
    )
    # Where a name leads that is not registered yet is known later.
    known = [name for name in names if name.cname is not None or name.zone is not None]
    wrong = disagreements((one.domain, one.challenge_name, one.publish_name) for one in known)
    if wrong:
        raise InvalidInputError("; ".join(wrong.values()))
    found = dict(zip(keys, names, strict=True))
    return [found[identifier.domain, method] for identifier, method in wanted]


async def _plan_name(
    resolver: Resolver, zones: ZoneFinder, domain: DomainName, method: DnsMethod, *, register: bool
) -> PlannedName:
    route = await find_route(resolver, domain, method, register=register)
    name = PlannedName(domain, route.challenge_name, route.delegation, route.publish_name, method)
    if not route.is_complete:
        texts = await texts_beside_cname(resolver, route)
        return replace(name, cname=route.expected, in_the_way=texts)
    if route.unregistered or method.stays:  # what is there already, the provider need not be asked
        return name
    return replace(name, zone=await zones.find(method, name.publish_name))
