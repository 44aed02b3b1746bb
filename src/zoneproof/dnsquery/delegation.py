"""Follows the CNAMEs from a challenge name to the name at which the TXT is published."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from zoneproof.dnsquery.resolver import Resolver
from zoneproof.dnsquery.zones import query_authoritative
from zoneproof.errors import DelegationError, NoSuchDomainError
from zoneproof.names import DomainName

MAX_LINKS = 11


@dataclass(frozen=True)
class Delegation:
    """Where a challenge name leads.

    ``chain`` begins with the challenge name; ``target`` is the publish name. With
    ``from_wildcard`` the chain's second name is what a DNS wildcard answers, and the target is
    the challenge name itself.
    """

    chain: tuple[DomainName, ...]
    target: DomainName
    from_wildcard: bool = False

    @property
    def is_delegated(self) -> bool:
        """Whether a CNAME leads away from the challenge name."""
        return self.target != self.chain[0]


async def follow_delegation(resolver: Resolver, challenge_name: DomainName) -> Delegation:
    """Follow at most 11 CNAMEs, each asked of the authoritative servers of its own zone.

    The last name need not exist. Raises DelegationError for a loop and for a longer chain, naming
    every link; otherwise as :func:`~zoneproof.dnsquery.zones.find_zone` does.
    """
    chain = [challenge_name]
    while True:
        target = await _cname(resolver, chain)
        if target is None:
            return Delegation(tuple(chain), chain[-1])
        if len(chain) == 1 and await _is_from_wildcard(resolver, challenge_name, target):
            return Delegation((challenge_name, target), challenge_name, from_wildcard=True)
        is_loop = target in chain
        chain.append(target)
        shown = " -> ".join(str(name) for name in chain)
        if is_loop:
            raise DelegationError(
                f"the CNAMEs from {challenge_name} go round in a loop: {shown};"
                " remove or change one of them"
            )
        if len(chain) > MAX_LINKS + 1:
            raise DelegationError(
                f"the chain of CNAMEs from {challenge_name} has more than {MAX_LINKS} links:"
                f" {shown}; let {challenge_name} lead to its end directly"
            )


async def _cname(resolver: Resolver, chain: list[DomainName]) -> DomainName | None:
    try:
        answer = await query_authoritative(resolver, chain[-1], "CNAME")
    except NoSuchDomainError:
        if len(chain) == 1:
            raise
        return None
    if answer.records and not answer.targets:
        raise DelegationError(
            f"the CNAME at {chain[-1]} leads to a name that holds other than letters, digits,"
            " '-' and '_'; change it"
        )
    return answer.targets[0] if answer.targets else None


async def _is_from_wildcard(
    resolver: Resolver, challenge_name: DomainName, target: DomainName
) -> bool:
    sibling = challenge_name.parent.child(secrets.token_hex(7))
    return target in (await query_authoritative(resolver, sibling, "CNAME")).targets
