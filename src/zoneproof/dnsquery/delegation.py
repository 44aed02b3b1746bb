"""Follows the CNAMEs from a challenge name to the name at which the TXT is published."""

from __future__ import annotations

import secrets
from contextlib import suppress
from dataclasses import dataclass, field

from zoneproof.core.errors import (
    DelegationError,
    DnsError,
    DnsServerError,
    InvalidNameError,
    NoSuchDomainError,
)
from zoneproof.core.names import DomainName
from zoneproof.dnsquery.resolver import Resolver
from zoneproof.dnsquery.zones import query_authoritative

MAX_LINKS = 11


@dataclass(frozen=True)
class Delegation:
    """Where a challenge name leads.

    ``chain`` begins with the challenge name; ``target`` is the publish name. With
    ``from_wildcard`` the chain's last name is what a DNS wildcard answers for ``target``, the one
    before: a TXT record at ``target`` takes the wildcard's place. ``warnings`` tell what the name
    servers would not say.
    """

    chain: tuple[DomainName, ...]
    target: DomainName
    from_wildcard: bool = False
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def is_delegated(self) -> bool:
        """Whether a CNAME leads away from the challenge name."""
        return self.target != self.chain[0]


async def follow_delegation(
    resolver: Resolver, challenge_name: DomainName, *, expected: DomainName | None = None
) -> Delegation:
    """Follow at most 11 CNAMEs, each asked of the authoritative servers of its own zone.

    The way ends at the first name for which only a wildcard has a CNAME (RFC 4592), unless
    wildcards lead on to ``expected``, where a TXT record is to be. The last name need not exist.
    Raises DelegationError for a loop and for a longer chain, naming every link; otherwise as
    :func:`~zoneproof.dnsquery.zones.find_zone` does.
    """
    found = await _follow(resolver, challenge_name)
    if expected is not None and found.from_wildcard and found.target != expected:
        with suppress(DnsError):  # beyond the wildcard, where nothing has to be right
            further = await _follow(resolver, challenge_name, through_wildcards_to=expected)
            if further.target == expected:
                return further
    return found


async def _follow(
    resolver: Resolver,
    challenge_name: DomainName,
    *,
    through_wildcards_to: DomainName | None = None,
) -> Delegation:
    chain = [challenge_name]
    warnings: list[str] = []
    while True:
        here = chain[-1]
        try:
            target, warning = await _cname(resolver, here)
        except NoSuchDomainError:
            if len(chain) == 1:
                raise
            target, warning = None, ""
        warnings += [warning] if warning else []
        if target is None:
            return Delegation(tuple(chain), here, warnings=tuple(warnings))
        if not target.labels:
            raise DelegationError(
                f"the CNAME at {here} leads to the root ('.'), which is how a name without service"
                " is marked: remove it, or let it lead to where the TXT record goes"
            )
        if through_wildcards_to in (None, here) and await _is_from_wildcard(resolver, here, target):
            return Delegation((*chain, target), here, from_wildcard=True, warnings=tuple(warnings))
        is_loop = target in chain
        chain.append(target)
        shown = " -> ".join(str(name) for name in chain)
        if is_loop:
            raise DelegationError(
                f"the CNAMEs from {challenge_name} form a loop: {shown};"
                " remove or change one of them"
            )
        if len(chain) > MAX_LINKS + 1:
            raise DelegationError(
                f"the chain of CNAMEs from {challenge_name} has more than {MAX_LINKS} links:"
                f" {shown}; point {challenge_name} directly at the last name"
            )


async def _cname(resolver: Resolver, name: DomainName) -> tuple[DomainName | None, str]:
    """Return where a CNAME at the name leads, None without one; and a warning, if any."""
    try:
        answer = await query_authoritative(resolver, name, "CNAME")
    except DnsServerError as error:
        # Some name servers fail for types that nobody has entered. A CA asks for TXT, and what
        # answers that shows a CNAME as well.
        try:
            answer = await query_authoritative(resolver, name, "TXT")
        except DnsError:
            raise error from None
        warning = f"{error.message}; using the answer for TXT instead"
        return (answer.chain[0] if answer.chain else None), warning
    if answer.records and not answer.targets:
        raise DelegationError(
            f"the CNAME at {name} leads to a name with characters other than letters, digits, '-' "
            "and '_'; change it"
        )
    return (answer.targets[0] if answer.targets else None), ""


async def _is_from_wildcard(resolver: Resolver, name: DomainName, target: DomainName) -> bool:
    """Tell whether the CNAME at ``name`` is a wildcard's. One of its own may lead there as well.

    A wildcard answers for names beside and below one that does not exist, and not for those below
    one that does (RFC 4592 section 2.2).
    """

    async def leads_there(other: DomainName | None) -> bool:
        return other is not None and (await _cname(resolver, other))[0] == target

    beside = _unlikely_child(name.parent)
    if beside is None or not await leads_there(beside):
        return False
    if await leads_there(_unlikely_child(name)):
        return True
    # Some servers let '*' stand for one label only: nothing below then tells the two apart.
    return not await leads_there(_unlikely_child(beside))


def _unlikely_child(name: DomainName) -> DomainName | None:
    """Return a name right below that nobody has made, None where it would be too long."""
    try:
        return name.child(secrets.token_hex(7))
    except InvalidNameError:
        return None
