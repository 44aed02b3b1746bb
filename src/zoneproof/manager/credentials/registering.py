"""Registers domains at a challenge service before any order, so that CNAMEs can be made first."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from zoneproof.challenges import dns01
from zoneproof.challenges.records import cname_record
from zoneproof.challenges.routing import cname_advice, find_route
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.core.names import DomainName
from zoneproof.manager.certificates.definition import MethodDefinition
from zoneproof.manager.methods import MethodMaker
from zoneproof.providers import DelegatedProvider

_AT_ONCE = 10


@dataclass(frozen=True)
class Registered:
    """A domain and the CNAME that it needs, or why it was not registered.

    ``advice`` says what is to be done about the CNAME, and is empty if it is right.
    """

    domain: DomainName
    target: DomainName | None = None
    advice: str = ""
    error: ZoneproofError | None = None

    @property
    def record(self) -> str:
        """The CNAME in zone-file form, empty without a registration."""
        return cname_record(self.domain.child(dns01.LABEL), self.target) if self.target else ""


async def register_domains(
    maker: MethodMaker, domains: Iterable[DomainName], method: MethodDefinition
) -> list[Registered]:
    """Register each domain where the method publishes; one that is registered stays so.

    ``domains`` are without ``*.``. Raises InvalidInputError for a method that needs no CNAME.
    """
    made = await maker.dns(method, {})
    provider = made.provider
    if not isinstance(provider, DelegatedProvider):
        raise InvalidInputError(
            "only acme-dns and the challenge service have registrations: name one with --server or"
            " --credential"
        )

    resolver = made.resolver
    assert resolver is not None  # whoever makes a method gives it one

    async def one(domain: DomainName) -> Registered:
        try:
            target = await provider.target(domain, create=True)
        except ZoneproofError as error:
            return Registered(domain, error=error)
        assert target is not None
        try:
            route = await find_route(resolver, domain, made, register=False)
        except ZoneproofError as error:
            return Registered(domain, target, f"it is not known whether it exists: {error.message}")
        return Registered(
            domain, target, "" if route.is_complete else cname_advice(route.delegation, target, ())
        )

    return await all_at_once(map(one, dict.fromkeys(domains)), _AT_ONCE)
