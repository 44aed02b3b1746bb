"""Where a certificate's challenge names lead, to see whether that has changed since it failed."""

from __future__ import annotations

import asyncio

from zoneproof.challenges import dns01
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import DelegationError, DnsError, NoSuchDomainError, ZoneproofError
from zoneproof.core.names import DomainName
from zoneproof.dnsquery import follow_delegation, query_authoritative
from zoneproof.issuance import DnsMethod
from zoneproof.manager.certificates.definition import CertificateDefinition
from zoneproof.manager.manager import Manager
from zoneproof.manager.methods import Methods

_SECONDS = 3.0  # no run waits longer for what it can do without


async def delegations_of(manager: Manager, definition: CertificateDefinition) -> str:
    """Return in one text where all CNAMEs of the challenge names lead; empty if nobody can tell."""
    try:
        methods = await manager.methods.make(definition)
        domains = {
            identifier.domain
            for identifier in definition.parsed_identifiers
            if identifier.type == "dns" and isinstance(methods.choose(identifier).method, DnsMethod)
        }
        found = await all_at_once(_delegation(methods, domain) for domain in sorted(domains))
    except (ZoneproofError, TimeoutError):
        return ""
    return "; ".join(found)


async def _delegation(methods: Methods, domain: DomainName) -> str:
    name = domain.child(dns01.LABEL)
    try:
        async with asyncio.timeout(_SECONDS):
            return " ".join(map(str, (await follow_delegation(methods.resolver, name)).chain))
    except (DelegationError, NoSuchDomainError) as error:
        return error.message
    except (DnsError, TimeoutError):
        # It may lead where nobody answers, which is what has to be changed.
        async with asyncio.timeout(_SECONDS):
            answer = await query_authoritative(methods.resolver, name, "CNAME")
        return " ".join(map(str, (name, *answer.targets, "...")))
