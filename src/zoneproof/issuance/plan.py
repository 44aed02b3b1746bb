"""What would happen for each identifier, computed without changing anything."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from zoneproof.challenges import ask_solvers
from zoneproof.challenges.method import Method
from zoneproof.challenges.routing import PlannedName, cname_advice
from zoneproof.core.errors import AwaitingUserError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import Resolver
from zoneproof.issuance.rules import check_identifiers


class Choice(msgspec.Struct, frozen=True):
    """The method for one identifier, and why it is this one."""

    method: Method
    reason: str


Choose = Callable[[Identifier], Choice]


class PlannedIdentifier(msgspec.Struct, frozen=True):
    """How one identifier is validated, and why so. ``name`` is None for http-01."""

    identifier: Identifier
    method: Method
    reason: str
    name: PlannedName | None = None


class Plan(msgspec.Struct, frozen=True):
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
    def wildcards(self) -> frozenset[DomainName]:
        """The domains of which the order has the wildcard."""
        return frozenset(one.domain for one in self.identifiers if one.is_wildcard)

    @property
    def publish_names(self) -> dict[str, str]:
        """Where each identifier's TXT value goes; nowhere ("") for http-01."""
        return {
            str(one.identifier): str(one.name.publish_name) if one.name else ""
            for one in self.planned
        }

    async def require_usable(self) -> None:
        """Raise a ZoneproofError for a folder, port or the like that cannot be used."""
        for method in dict.fromkeys(one.method for one in self.planned):
            await method.require_usable()

    def for_identifier(self, identifier: Identifier) -> PlannedIdentifier | None:
        """Return the identifier's plan, None for one that is not in it."""
        return next((one for one in self.planned if one.identifier == identifier), None)

    def require_complete(self) -> None:
        """Raise AwaitingUserError, with the records to create, if CNAMEs are missing or wrong."""
        missing = {name.challenge_name: name for name in self.names if name.cname is not None}
        if not missing:
            return
        advice = [
            cname_advice(name.delegation, name.cname, name.in_the_way)
            for name in missing.values()
            if name.cname and (name.delegation.is_delegated or name.in_the_way)
        ]
        plain = len(missing) - len(advice)
        if plain:
            these = "this CNAME" if plain == 1 else f"these {plain} CNAMEs"
            advice.append("create the rest" if advice else f"create {these} in your DNS")
        text = "; ".join(advice)
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
    choices = [choose(identifier) for identifier in checked]
    for identifier, choice in zip(checked, choices, strict=True):
        choice.method.check(identifier)
    names = await ask_solvers(
        [(one, choice.method) for one, choice in zip(checked, choices, strict=True)],
        lambda solver, wanted: solver.plan(wanted, resolver, register=register),
    )
    return Plan(
        tuple(
            PlannedIdentifier(identifier, choice.method, choice.reason, name)
            for identifier, choice, name in zip(checked, choices, names, strict=True)
        )
    )
