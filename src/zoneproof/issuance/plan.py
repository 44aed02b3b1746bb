"""What would happen for each identifier, computed without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from zoneproof.dnsquery import Delegation, Resolver
from zoneproof.errors import AwaitingUserError, InvalidInputError
from zoneproof.issuance.awaited import cname_record
from zoneproof.issuance.checks import check_identifiers, check_method
from zoneproof.issuance.concurrent import all_at_once
from zoneproof.issuance.method import Choice, DnsMethod, HttpMethod, Method
from zoneproof.issuance.routing import (
    ZoneFinder,
    cname_advice,
    disagreements,
    find_route,
    texts_beside_cname,
)
from zoneproof.names import DomainName, Identifier
from zoneproof.providers import Zone

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
