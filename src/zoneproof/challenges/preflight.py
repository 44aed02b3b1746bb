"""What the DNS says of a challenge name, and what would make a validation fail. Read only."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec.structs import replace

from zoneproof.challenges.dns01 import DnsMethod
from zoneproof.challenges.recognition import RecognizedZone
from zoneproof.challenges.records import cname_record
from zoneproof.challenges.routing import (
    Route,
    ZoneFinder,
    cname_advice,
    disagreements,
    find_route,
    texts_beside_cname,
)
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import InvalidInputError, NotRegisteredError, ZoneproofError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import (
    Delegation,
    NameReport,
    Resolver,
    ServerStatus,
    check_visible,
    find_zone,
    missing_domain,
)
from zoneproof.providers import DelegatedProvider, ProviderInfo, Zone, require_files


class Finding(msgspec.Struct, frozen=True):
    """Something that is wrong, or worth knowing, with the record to create or remove if any.

    ``is_problem`` tells that a validation would fail.
    """

    text: str
    is_problem: bool = True
    record: str = ""


class NamePreflight(msgspec.Struct, frozen=True):
    """The state of one challenge name, which an apex and its wildcard share.

    ``expected`` is where a CNAME must lead, None for wherever it does. ``zone`` holds the publish
    name; ``servers`` tells which of its authoritative servers answer. ``leftovers`` are the TXT
    values at the challenge name and at the publish name.
    """

    challenge_name: DomainName
    delegation: Delegation
    expected: DomainName | None
    publish_name: DomainName
    zone: RecognizedZone
    servers: NameReport
    leftovers: tuple[tuple[DomainName, str], ...]
    findings: tuple[Finding, ...]


class MethodPreflight(msgspec.Struct, frozen=True):
    """What was found for one identifier and its method.

    ``name`` is None for a type without records, and for a challenge name that could not be
    examined; ``zone`` is the one that the provider would write to, None if there is none. Each
    finding is here, also those of ``name``.
    """

    name: NamePreflight | None
    zone: Zone | None
    findings: tuple[Finding, ...]
    unregistered: bool = False


async def preflight_names(
    wanted: Sequence[tuple[Identifier, DnsMethod]], resolver: Resolver
) -> list[MethodPreflight]:
    """Look at each challenge name once for each of its methods. Nothing is raised."""
    zones = ZoneFinder(resolver)
    keys = list(dict.fromkeys((identifier.domain, method) for identifier, method in wanted))
    names = await all_at_once(_preflight_name(resolver, zones, *key) for key in keys)
    domains = [domain for domain, _ in keys]
    found = dict(zip(keys, _with_disagreements(domains, names), strict=True))
    return [found[identifier.domain, method] for identifier, method in wanted]


def _with_disagreements(
    domains: Sequence[DomainName], surveyed: Sequence[MethodPreflight]
) -> list[MethodPreflight]:
    wrong = disagreements(
        (domain, found.name.challenge_name, found.name.publish_name)
        for domain, found in zip(domains, surveyed, strict=True)
        if found.name is not None and not found.unregistered
    )
    return [
        replace(found, findings=(*found.findings, Finding(wrong[found.name.challenge_name])))
        if found.name is not None and found.name.challenge_name in wrong
        else found
        for found in surveyed
    ]


async def _preflight_name(
    resolver: Resolver, zones: ZoneFinder, domain: DomainName, method: DnsMethod
) -> MethodPreflight:
    resolver = method.resolver or resolver
    findings: list[Finding] = []
    try:
        route = await find_route(resolver, domain, method, register=False)
        findings += _method_findings(route, method)
        name = await preflight_route(resolver, route, stays=method.stays)
        findings += name.findings
    except NotRegisteredError as error:
        return MethodPreflight(None, None, (*findings, Finding(error.message, is_problem=False)))
    except ZoneproofError as error:
        return MethodPreflight(None, None, (*findings, Finding(error.message)))
    zone = None
    if not method.stays:
        zone, of_provider = await preflight_provider(
            zones, method, name, unregistered=route.unregistered
        )
        findings += of_provider
    return MethodPreflight(name, zone, tuple(findings), route.unregistered)


async def preflight_provider(
    zones: ZoneFinder, method: DnsMethod, name: NamePreflight, *, unregistered: bool = False
) -> tuple[Zone | None, list[Finding]]:
    """Look for what the provider needs, and for the zone that it would write to."""
    findings: list[Finding] = []
    try:
        require_files(method.provider.info, method.fields)
    except ZoneproofError as error:
        findings.append(Finding(error.message))
    if unregistered:
        return None, findings
    zone = None
    try:
        zone = await zones.find(method, name.publish_name)
    except ZoneproofError as error:
        findings.append(Finding(error.message))
    else:
        findings += _zone_findings(zone, name, method)
        findings += _place_findings(zone, name, method.provider.info)
    return zone, [*findings, *_host_findings(name.zone, method.provider.info)]


async def preflight_route(
    resolver: Resolver, route: Route, *, stays: bool = False
) -> NamePreflight:
    """Look at what the route leads to. Raises DnsError when the zone cannot be found.

    Where records stay, none is left over.
    """
    cut = await find_zone(resolver, route.publish_name)
    (report,) = (await check_visible(resolver, {route.publish_name: frozenset()})).names
    in_the_way = await texts_beside_cname(resolver, route)
    seen = {} if stays else {text: None for server in report.servers for text in server.texts}
    leftovers = (
        *((route.challenge_name, text) for text in in_the_way),
        *((route.publish_name, text) for text in seen),
    )
    findings = (
        *_domain_findings(await missing_domain(resolver, cut, route.publish_name)),
        *_delegation_findings(route, in_the_way),
        *_server_findings(report),
        *(left_over(str(name), text) for name, text in leftovers),
    )
    return NamePreflight(
        route.challenge_name,
        route.delegation,
        route.expected,
        route.publish_name,
        RecognizedZone.of(cut),
        report,
        leftovers,
        findings,
    )


def left_over(name: str, text: str) -> Finding:
    """Return what is told of a TXT value that is there before an order."""
    return Finding(f'a TXT value is left over at {name}: "{text[:80]}"', is_problem=False)


def _domain_findings(missing: DomainName | None) -> list[Finding]:
    if missing is None:
        return []
    return [Finding(f"there is no domain {missing}: check the spelling, or register it")]


def _delegation_findings(route: Route, in_the_way: Sequence[str]) -> list[Finding]:
    if route.expected is not None and not route.is_complete:
        return [
            Finding(
                cname_advice(route.delegation, route.expected, in_the_way),
                record=cname_record(route.challenge_name, route.expected),
            )
        ]
    findings = [Finding(warning, is_problem=False) for warning in route.delegation.warnings]
    if route.delegation.from_wildcard:
        text = (
            f"a wildcard CNAME answers for {route.delegation.target} (with"
            f" {route.delegation.chain[-1]}); it is not followed, because a TXT record there takes"
            " its place"
        )
        findings.append(Finding(text, is_problem=False))
    return findings


def _server_findings(report: NameReport) -> list[Finding]:
    useless = [server for server in report.servers if server.status is not ServerStatus.VISIBLE]
    if len(useless) == len(report.servers):
        reason = report.note or f"no name server of {report.zone} answers"
        text = f"{reason}; propagation cannot be checked, so a fixed wait is used"
        return [Finding(text, is_problem=False)]
    return [Finding(f"name server {server}", is_problem=False) for server in useless]


def _method_findings(route: Route, method: DnsMethod) -> list[Finding]:
    title = method.provider.info.title
    if route.unregistered:
        return [
            Finding(
                f"{route.domain} is not registered at {title} yet: issuing registers it, then asks "
                f"for a CNAME from {route.challenge_name} to the name that it gets"
            )
        ]
    texts = []
    if method.provider.info.manual and not method.stays:
        texts.append(
            f"the order will pause until you have created the TXT record at {route.publish_name}"
        )
    if method.delegation.rules and route.expected is None:
        texts.append(f"no rule of the delegation '{method.delegation}' is about {route.domain}")
    return [Finding(text, is_problem=False) for text in texts]


def _zone_findings(zone: Zone, name: NamePreflight, method: DnsMethod) -> list[Finding]:
    if zone.name == name.zone.name or isinstance(method.provider, DelegatedProvider):
        return []
    return [
        Finding(
            f"{method.provider.info.title} would write to its zone {zone.name}, but the DNS has"
            f" {name.publish_name} in the zone {name.zone.name}: check which is right",
            is_problem=False,
        )
    ]


def _place_findings(zone: Zone, name: NamePreflight, info: ProviderInfo) -> list[Finding]:
    """Return a problem where the service takes no value at the publish name."""
    try:
        info.limits.check_name(name.publish_name.relative_to(zone.name))
    except InvalidInputError as error:
        return [Finding(f"{info.title}, zone {zone.name}: {error.message}")]
    return []


def _host_findings(zone: RecognizedZone, info: ProviderInfo) -> list[Finding]:
    """Return a note where the zone is at other providers than the one that would write to it.

    What has no name servers of its own, such as RFC 2136, may well write to a zone anywhere.
    """
    if not zone.providers or info.slug in zone.slugs:
        return []
    if info.manual:
        text = f"{zone.text}, where the records can be created without you: {zone.commands}"
    elif info.name_servers:
        text = f"{zone.text}, not at {info.title}: {zone.commands}"
    else:
        return []
    return [Finding(text, is_problem=False)]
