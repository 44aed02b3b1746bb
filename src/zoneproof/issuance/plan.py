"""What would happen for each identifier, computed without changing anything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from zoneproof.challenges import dns01
from zoneproof.dnsquery import Resolver, find_zone, follow_delegation
from zoneproof.errors import AwaitingUserError, InvalidInputError, ProviderZoneError
from zoneproof.issuance.concurrent import all_at_once
from zoneproof.issuance.method import Method
from zoneproof.names import DomainName, Identifier
from zoneproof.providers import DelegatedProvider, Zone

MAX_IDENTIFIERS = 100


@dataclass(frozen=True)
class PlannedName:
    """Where the TXT values for one challenge name go.

    ``chain`` are the CNAMEs that are there, the challenge name first. ``cname`` is the target that
    a CNAME at the challenge name must have and does not have yet; a person has to create it first.
    ``zone`` is None then, and for a registration that is still to be made.
    """

    domain: DomainName
    challenge_name: DomainName
    chain: tuple[DomainName, ...]
    publish_name: DomainName
    method: Method
    zone: Zone | None
    cname: DomainName | None = None

    @property
    def record_to_create(self) -> str:
        """The missing CNAME in zone-file form; empty if none is missing."""
        if self.cname is None:
            return ""
        return f"{self.challenge_name.fqdn} IN CNAME {self.cname.fqdn}"


@dataclass(frozen=True)
class Plan:
    """An order before it is placed: its identifiers, and a plan for each challenge name."""

    identifiers: tuple[Identifier, ...]
    names: tuple[PlannedName, ...]

    def for_identifier(self, identifier: Identifier) -> PlannedName:
        """Return the plan for the identifier's challenge name."""
        return next(name for name in self.names if name.domain == identifier.domain)

    def require_complete(self) -> None:
        """Raise AwaitingUserError, with the records to create, if a CNAME is missing."""
        missing = [name for name in self.names if name.cname is not None]
        if not missing:
            return
        wrong = [name for name in missing if len(name.chain) > 1]
        if wrong:
            found = wrong[0].chain[-1]
            text = (
                f"the CNAME at {wrong[0].challenge_name} leads to {found} instead of"
                f" {wrong[0].cname}: change it in your DNS, then run this again"
            )
        else:
            text = (
                "create this CNAME in your DNS, then run this again"
                if len(missing) == 1
                else f"create these {len(missing)} CNAMEs in your DNS, then run this again"
            )
        raise AwaitingUserError(
            f"awaiting user: {text}", records=[name.record_to_create for name in missing]
        )


def check_identifiers(identifiers: Sequence[Identifier]) -> tuple[Identifier, ...]:
    """Return the identifiers if one dns-01 order can hold them.

    Raises InvalidInputError for none, too many, one listed twice, a wildcard together with a name
    that it covers, and IP addresses, which dns-01 cannot validate (RFC 8738 section 7).
    """
    if not identifiers:
        raise InvalidInputError("name at least one identifier, such as example.com")
    if len(identifiers) > MAX_IDENTIFIERS:
        raise InvalidInputError(
            f"{len(identifiers)} names are too many for one certificate: CAs take at most"
            f" {MAX_IDENTIFIERS}; split them over several certificates"
        )
    seen = set(identifiers)
    for position, identifier in enumerate(identifiers):
        if identifier in identifiers[:position]:
            raise InvalidInputError(f"{identifier} is listed twice: name it once")
        check_has_dns(identifier)
        if identifier.is_wildcard:
            continue
        covering = Identifier("dns", f"*.{identifier.domain.parent}")
        if covering in seen:
            raise InvalidInputError(
                f"{identifier} is covered by {covering}, and CAs refuse the two together: drop"
                f" {identifier}"
            )
    return tuple(identifiers)


def check_has_dns(identifier: Identifier) -> None:
    """Raise InvalidInputError for an IP address, which dns-01 cannot validate."""
    if identifier.type == "ip":
        raise InvalidInputError(f"{identifier} is an IP address: CAs do not validate those by DNS")


async def make_plan(
    identifiers: Sequence[Identifier],
    choose: Callable[[Identifier], Method],
    resolver: Resolver,
    *,
    register: bool = False,
    follow_cname: bool = True,
) -> Plan:
    """Find for each challenge name where its values go. Only ``register`` lets anything change.

    ``register`` allows providers that publish at a name of their own to make a registration.
    Raises InvalidInputError, DnsError, DelegationError and ProviderError.
    """
    checked = check_identifiers(identifiers)
    methods = {identifier.domain: choose(identifier) for identifier in checked}
    zones = _ZoneFinder(resolver)

    async def plan_name(domain: DomainName, method: Method) -> PlannedName:
        challenge_name = domain.child(dns01.LABEL)
        expected = method.delegation.publish_name(domain)
        owns_its_names = isinstance(method.provider, DelegatedProvider)
        if isinstance(method.provider, DelegatedProvider):
            expected = await method.provider.target(domain, create=register)
        chain: tuple[DomainName, ...] = (challenge_name,)
        if follow_cname or expected is not None:
            delegation = await follow_delegation(resolver, challenge_name)
            chain = (challenge_name,) if delegation.from_wildcard else delegation.chain
        name = PlannedName(domain, challenge_name, chain, expected or chain[-1], method, None)
        if expected is not None and chain[-1] != expected:
            return replace(name, cname=expected)
        if owns_its_names:
            return name if expected is None else replace(name, zone=Zone(expected))
        return replace(name, zone=await zones.find(method, name.publish_name))

    return Plan(checked, tuple(await all_at_once(plan_name(*item) for item in methods.items())))


class _ZoneFinder:
    """Finds the zone of a publish name, asking each provider only once for its list."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._lists: dict[int, asyncio.Task[list[Zone]]] = {}

    async def find(self, method: Method, name: DomainName) -> Zone:
        key = id(method.provider)
        if key not in self._lists:
            self._lists[key] = asyncio.ensure_future(method.provider.zones())
        listed = await self._lists[key]
        if not listed:
            return Zone((await find_zone(self._resolver, name)).name)
        holding = [zone for zone in listed if name.is_below(zone.name)]
        if holding:
            return max(holding, key=lambda zone: len(zone.name.labels))
        shown = ", ".join(str(zone.name) for zone in listed[:5])
        raise ProviderZoneError(
            f"{method.provider.info.title} has no zone that contains {name}; it has {shown}:"
            " choose another provider or credential"
        )
