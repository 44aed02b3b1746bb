"""What to type where nobody has said how names are validated: where their zones are, tells it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from zoneproof.challenges import dns01
from zoneproof.challenges.recognition import RecognizedZone, find_challenge_zone
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import DnsError, InvalidNameError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import ZoneCut
from zoneproof.manager.credentials.use import credentials_by_provider
from zoneproof.manager.manager import Manager
from zoneproof.providers import ProviderInfo

_MOST_DOMAINS = 10
_SECONDS = 3.0  # nobody waits longer for advice


async def method_advice(manager: Manager, names: Sequence[str]) -> str:
    """Return what follows "say how they are validated": the ways, those that fit the zones first.

    Raises InvalidNameError for a name that is none, StorageError.
    """
    identifiers = [Identifier.parse(name) for name in names]
    by_dns = "--provider or --credential for DNS ('zoneproof provider list' shows all)"
    by_dns += ", --persist for a TXT record that stays"
    by_http = ", --webroot or --standalone for http-01"
    wildcard = any(one.is_wildcard for one in identifiers)
    why = ", which for a wildcard is by DNS" if wildcard else ""
    domains = dict.fromkeys(one.domain for one in identifiers if one.type == "dns")
    zones, silence = await _recognized(manager, list(domains)[:_MOST_DOMAINS])
    at_providers = "".join(f"{one}; else " for one in await _in_words(manager, zones))
    ways = f"{why}: {at_providers}{by_dns}{'' if wildcard else by_http}"
    return "; ".join([ways, *silence])


async def zone_advice(manager: Manager, domains: Sequence[DomainName]) -> list[str]:
    """Return at which providers the domains are, and what to type; or that the DNS is silent.

    Raises StorageError.
    """
    zones, silence = await _recognized(manager, domains)
    return [*await _in_words(manager, zones), *silence]


async def recognize_domain(manager: Manager, domain: DomainName) -> RecognizedZone | None:
    """Return where the challenges of a domain are answered; None if the DNS does not tell."""
    cut = await _find_zone(manager, domain)
    return RecognizedZone.of(cut) if cut else None


async def _recognized(
    manager: Manager, domains: Sequence[DomainName]
) -> tuple[list[RecognizedZone], list[str]]:
    """Return the zones that are at known providers, each once, and what the DNS does not tell."""
    silent: list[DomainName] = []
    found = await all_at_once(_find_zone(manager, domain, silent) for domain in domains)
    cuts = {cut.name: cut for cut in found if cut}
    zones = [zone for zone in map(RecognizedZone.of, cuts.values()) if zone.providers]
    if not silent:
        return zones, []
    names = ", ".join(map(str, sorted(silent)))
    return zones, [f"the DNS did not answer, so it is not known who hosts {names}"]


async def _in_words(manager: Manager, zones: Sequence[RecognizedZone]) -> list[str]:
    stored = await credentials_by_provider(manager.store) if zones else {}
    return [f"{zone.text}: {_ways(zone, stored)}" for zone in zones]


async def _find_zone(
    manager: Manager, domain: DomainName, silent: list[DomainName] | None = None
) -> ZoneCut | None:
    """Return the zone of the domain's challenges; one that nobody answers for is ``silent``."""
    resolver = manager.resolver
    try:
        async with asyncio.timeout(_SECONDS):
            cut = await find_challenge_zone(resolver, domain.child(dns01.LABEL))
    except InvalidNameError:
        return None
    except (DnsError, TimeoutError):
        if silent is not None:
            silent.append(domain)
        return None
    return cut if len(cut.name.labels) > 1 else None  # else nobody has registered the name


def _ways(zone: RecognizedZone, stored: dict[str, list[str]]) -> str:
    def ways(info: ProviderInfo) -> list[str]:
        return [f"--credential {name}" for name in stored.get(info.slug, ())] or [
            f"'zoneproof credential add {info.slug}'"
        ]

    return " or ".join(way for info in zone.providers for way in ways(info))
