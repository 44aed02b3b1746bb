"""What would happen for each identifier, computed without changing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from zoneproof.challenges import dns01
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import (
    AwaitingUserError,
    InvalidInputError,
    InvalidNameError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import (
    Delegation,
    Resolver,
    Status,
    find_zone,
    follow_delegation,
    query_authoritative,
)
from zoneproof.issuance.awaited import cname_record
from zoneproof.issuance.method import (
    Choice,
    DnsMethod,
    HttpMethod,
    Method,
    check_identifiers,
    check_method,
)
from zoneproof.providers import DelegatedProvider, Provider, Zone


@dataclass(frozen=True)
class Route:
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
    challenge_name = domain.child(dns01.LABEL)
    expected = method.delegation.publish_name(domain)
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


def disagreements(places: Iterable[tuple[DomainName, DomainName]]) -> dict[DomainName, str]:
    """Return what is wrong with each challenge name that cannot serve all its methods.

    ``places`` are pairs of a challenge name and the publish name that one method needs.
    """
    needed: dict[DomainName, DomainName] = {}
    wrong: dict[DomainName, str] = {}
    for challenge_name, publish_name in places:
        other = needed.setdefault(challenge_name, publish_name)
        if other != publish_name:
            domain = challenge_name.parent
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
            f"{challenge_name} holds a TXT record, beside which no CNAME can stand: remove it, then"
            " create the CNAME (Cloudflare's Universal SSL puts one there that its dashboard does"
            " not show)"
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
            return max(holding, key=lambda zone: len(zone.name.labels))
        raise ProviderZoneError(
            f"{method.provider.info.title} has no zone that contains {name}; it has"
            f" {_shown(listed)}: choose another provider or credential"
        )


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
            f"'{method.zone[:80]}' is no zone's name, and {title} cannot list its zones by id: give"
            f" the name of the zone that contains {name}"
        )
    else:
        known = [Zone(wanted)]
    holding = [zone for zone in known if name.is_below(zone.name)]
    if not holding:
        raise ProviderZoneError(
            f"the method's zone {known[0].name} does not contain {name}: change the zone, or leave"
            " it empty"
        )
    return holding[0]


def _shown(zones: Sequence[Zone]) -> str:
    more = f" and {len(zones) - 5} more" if len(zones) > 5 else ""
    return ", ".join(str(zone.name) for zone in zones[:5]) + more


Choose = Callable[[Identifier], Choice]


@dataclass(frozen=True)
class PlannedName:
    """Where the TXT values for one challenge name go, by one method.

    ``cname`` is the target that a CNAME at the challenge name must have and does not have yet; a
    person has to create it first, and remove the TXT values ``in_the_way``. ``zone`` is None then,
    and for a registration that is still to be made.
    """

    domain: DomainName
    challenge_name: DomainName
    delegation: Delegation
    publish_name: DomainName
    method: DnsMethod = field(repr=False)
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


@dataclass(frozen=True)
class PlannedIdentifier:
    """How one identifier is validated, and why so. ``name`` is None for http-01."""

    identifier: Identifier
    method: Method = field(repr=False)
    reason: str
    name: PlannedName | None = None


@dataclass(frozen=True)
class Plan:
    """An order before it is placed: a plan for each of its identifiers."""

    planned: tuple[PlannedIdentifier, ...]

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """What goes on the certificate."""
        return tuple(one.identifier for one in self.planned)

    @property
    def names(self) -> tuple[PlannedName, ...]:
        """The challenge names, each once for each of its methods."""
        return tuple(dict.fromkeys(one.name for one in self.planned if one.name is not None))

    @property
    def publish_names(self) -> dict[str, str]:
        """Where each identifier's TXT value goes; nowhere ("") for http-01."""
        return {
            str(one.identifier): str(one.name.publish_name) if one.name else ""
            for one in self.planned
        }

    async def require_responders(self) -> None:
        """Raise HttpResponderError if a folder or port that answers by HTTP cannot be used."""
        methods = [one.method for one in self.planned]
        for responder in {one.responder: None for one in methods if isinstance(one, HttpMethod)}:
            await responder.check()

    def for_identifier(self, identifier: Identifier) -> PlannedIdentifier | None:
        """Return the identifier's plan, None for one that is not in it."""
        return next((one for one in self.planned if one.identifier == identifier), None)

    def require_complete(self) -> None:
        """Raise AwaitingUserError, with the records to create, if a CNAME is missing."""
        missing = {name.challenge_name: name for name in self.names if name.cname is not None}
        if not missing:
            return
        odd = [name for name in missing.values() if name.delegation.is_delegated or name.in_the_way]
        if odd and odd[0].cname is not None:
            text = cname_advice(odd[0].delegation, odd[0].cname, odd[0].in_the_way)
        elif len(missing) == 1:
            text = "create this CNAME in your DNS"
        else:
            text = f"create these {len(missing)} CNAMEs in your DNS"
        raise AwaitingUserError(
            f"awaiting user: {text}",
            records=[name.record_to_create for name in missing.values()],
        )


async def make_plan(
    identifiers: Sequence[Identifier],
    choose: Choose,
    resolver: Resolver,
    *,
    register: bool = False,
    directory_url: str = "",
    profile: str = "",
) -> Plan:
    """Find for each identifier how it is validated. Only ``register`` lets anything change.

    ``register`` allows providers that publish at a name of their own to make a registration.
    ``directory_url`` and ``profile`` are the CA's, for limits that are known. Raises
    InvalidInputError, DnsError, DelegationError and ProviderError.
    """
    checked = check_identifiers(identifiers, directory_url=directory_url, profile=profile)
    choices = {identifier: choose(identifier) for identifier in checked}
    for identifier, choice in choices.items():
        check_method(identifier, choice.method)
    # Apex and wildcard share what they have in common: the challenge name, if also the method.
    wanted = {
        identifier: (identifier.domain, choice.method)
        for identifier, choice in choices.items()
        if isinstance(choice.method, DnsMethod)
    }
    zones = ZoneFinder(resolver)
    keys = list(dict.fromkeys(wanted.values()))
    names = await all_at_once(
        _plan_name(method.resolver or resolver, zones, domain, method, register=register)
        for domain, method in keys
    )
    # Where a name leads that is not registered yet is known later.
    known = [name for name in names if name.cname is not None or name.zone is not None]
    for text in disagreements((name.challenge_name, name.publish_name) for name in known).values():
        raise InvalidInputError(text)
    found = dict(zip(keys, names, strict=True))
    return Plan(
        tuple(
            PlannedIdentifier(
                identifier,
                choice.method,
                choice.reason,
                found[wanted[identifier]] if identifier in wanted else None,
            )
            for identifier, choice in choices.items()
        )
    )


async def _plan_name(
    resolver: Resolver, zones: ZoneFinder, domain: DomainName, method: DnsMethod, *, register: bool
) -> PlannedName:
    route = await find_route(resolver, domain, method, register=register)
    name = PlannedName(domain, route.challenge_name, route.delegation, route.publish_name, method)
    if not route.is_complete:
        texts = await texts_beside_cname(resolver, route)
        return replace(name, cname=route.expected, in_the_way=texts)
    if route.unregistered:
        return name
    return replace(name, zone=await zones.find(method, name.publish_name))
