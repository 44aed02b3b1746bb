"""What the DNS says of a name and its methods, and what would make a validation fail. Read only."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from zoneproof.challenges import dns01
from zoneproof.challenges.http01 import HttpResponder
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import InvalidInputError, ZoneproofError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import (
    CaaVerdict,
    Delegation,
    NameReport,
    Resolver,
    ServerStatus,
    check_caa,
    check_visible,
    find_zone,
    follow_delegation,
)
from zoneproof.issuance.awaited import cname_record
from zoneproof.issuance.caa import caa_resolver
from zoneproof.issuance.method import Choice, DnsMethod, check_has_dns, check_method
from zoneproof.issuance.plan import (
    Choose,
    Route,
    ZoneFinder,
    cname_advice,
    disagreements,
    find_route,
    texts_beside_cname,
)
from zoneproof.providers import DelegatedProvider, Zone


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or worth knowing, with the record to create or remove if any.

    ``is_problem`` tells that a validation would fail.
    """

    text: str
    is_problem: bool = True
    record: str = ""


@dataclass(frozen=True)
class NamePreflight:
    """The state of one challenge name, which an apex and its wildcard share.

    ``expected`` is where a CNAME must lead, None for wherever it does. ``zone`` holds the publish
    name; ``servers`` tells which of its authoritative servers answer. ``leftovers`` are the TXT
    values at the challenge name and at the publish name.
    """

    challenge_name: DomainName
    delegation: Delegation
    expected: DomainName | None
    publish_name: DomainName
    zone: DomainName
    servers: NameReport
    leftovers: tuple[tuple[DomainName, str], ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class PreflightReport:
    """What a validation of one identifier depends on, as things are.

    ``choice`` is None where no method is known: without configuration, or because none fits.
    ``name`` is None for http-01, and for a challenge name that could not be examined; ``zone`` is
    the one that the provider would write to, None if there is none. Each finding is here, also
    those of ``name``.
    """

    identifier: Identifier
    choice: Choice | None
    name: NamePreflight | None
    zone: Zone | None
    caa: CaaVerdict | None
    findings: tuple[Finding, ...]

    @property
    def would_fail(self) -> bool:
        """Whether a validation would fail."""
        return any(finding.is_problem for finding in self.findings)


async def preflight_name(
    resolver: Resolver,
    identifier: Identifier,
    *,
    expected: DomainName | None = None,
    issuers: Collection[str] = (),
    account_url: str | None = None,
) -> PreflightReport:
    """Look at everything that a dns-01 validation depends on that can be known without a method.

    ``expected`` is where a CNAME at the challenge name should lead. ``issuers`` are the CA's names
    in CAA records; without any, CAA is not looked up. Raises InvalidInputError for an IP address,
    DnsError and DelegationError when not even the zone can be found.
    """
    check_has_dns(identifier)
    challenge_name = dns01.challenge_name(identifier)
    delegation = await follow_delegation(resolver, challenge_name, expected=expected)
    route = Route(identifier.domain, challenge_name, delegation, expected)
    name, caa = await asyncio.gather(
        preflight_route(resolver, route),
        check_caa(
            resolver, identifier, issuers=issuers, account_url=account_url, method=dns01.TYPE
        ),
    )
    return PreflightReport(
        identifier, None, name, None, caa, (*name.findings, *caa_findings(caa, name.findings))
    )


async def preflight_route(resolver: Resolver, route: Route) -> NamePreflight:
    """Look at what the route leads to. Raises DnsError when the zone cannot be found."""
    cut = await find_zone(resolver, route.publish_name)
    (report,) = (await check_visible(resolver, {route.publish_name: frozenset()})).names
    in_the_way = await texts_beside_cname(resolver, route)
    seen = {text: None for server in report.servers for text in server.texts}
    leftovers = (
        *((route.challenge_name, text) for text in in_the_way),
        *((route.publish_name, text) for text in seen),
    )
    findings = (
        *_delegation_findings(route, in_the_way),
        *_server_findings(report),
        *(
            Finding(f'a TXT value is left over at {name}: "{text[:80]}"', is_problem=False)
            for name, text in leftovers
        ),
    )
    return NamePreflight(
        route.challenge_name,
        route.delegation,
        route.expected,
        route.publish_name,
        cut.name,
        report,
        leftovers,
        findings,
    )


def caa_findings(verdict: CaaVerdict, known: Sequence[Finding]) -> list[Finding]:
    """Return what is wrong with the verdict, unless the cause is ``known``: a DNS out of reach."""
    if verdict.allowed:
        return []
    if verdict.failed and any(one.is_problem and one.text in verdict.reason for one in known):
        return []
    return [Finding(f"CAA: {verdict.reason}")]


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
        text = f"{reason}; propagation cannot be checked, a fixed wait takes its place"
        return [Finding(text, is_problem=False)]
    return [Finding(f"name server {server}", is_problem=False) for server in useless]


async def preflight(
    identifiers: Sequence[Identifier],
    choose: Choose,
    resolver: Resolver,
    *,
    issuers: Collection[str] = (),
    account_url: str | None = None,
) -> list[PreflightReport]:
    """Examine all identifiers at once, each with the method that is chosen for it.

    Nothing is changed and nothing raised: what goes wrong for one identifier, also in ``choose``,
    is a finding of that one. What they share is looked up once. Whether one order can hold them
    all is for :func:`~zoneproof.issuance.method.check_identifiers` to say. ``issuers`` are the
    CA's names in CAA records; without any, CAA is not looked up.
    """
    chosen = [_choose(identifier, choose) for identifier in identifiers]
    names: dict[tuple[DomainName, DnsMethod], None] = {}
    responders: dict[HttpResponder, None] = {}
    for one in chosen:
        method = one.choice.method if one.choice else None
        if isinstance(method, DnsMethod):
            names[one.identifier.domain, method] = None
        elif method is not None:
            responders[method.responder] = None

    async def caa(one: PreflightReport) -> CaaVerdict | None:
        if one.choice is None:
            return None
        return await check_caa(
            caa_resolver(one.choice.method, resolver),
            one.identifier,
            issuers=issuers,
            account_url=account_url,
            method=one.choice.method.type,
        )

    zones = ZoneFinder(resolver)
    surveyed, checked, verdicts = await asyncio.gather(
        all_at_once(_survey_name(resolver, zones, *key) for key in names),
        all_at_once(_check_responder(responder) for responder in responders),
        all_at_once(caa(one) for one in chosen),
    )
    by_name = dict(zip(names, _with_disagreements(surveyed), strict=True))
    by_responder = dict(zip(responders, checked, strict=True))

    def complete(one: PreflightReport, verdict: CaaVerdict | None) -> PreflightReport:
        choice = one.choice
        if choice is None or verdict is None:
            return one
        if isinstance(choice.method, DnsMethod):
            found = by_name[one.identifier.domain, choice.method]
            one = replace(one, name=found.name, zone=found.zone, findings=found.findings)
        else:
            one = replace(one, findings=by_responder[choice.method.responder])
        return replace(
            one, caa=verdict, findings=(*one.findings, *caa_findings(verdict, one.findings))
        )

    return [complete(*pair) for pair in zip(chosen, verdicts, strict=True)]


@dataclass(frozen=True)
class _SurveyedName:
    """What was found for one challenge name and method."""

    name: NamePreflight | None
    zone: Zone | None
    findings: tuple[Finding, ...]
    unregistered: bool = False


def _with_disagreements(surveyed: Sequence[_SurveyedName]) -> list[_SurveyedName]:
    wrong = disagreements(
        (found.name.challenge_name, found.name.publish_name)
        for found in surveyed
        if found.name is not None and not found.unregistered
    )
    return [
        replace(found, findings=(*found.findings, Finding(wrong[found.name.challenge_name])))
        if found.name is not None and found.name.challenge_name in wrong
        else found
        for found in surveyed
    ]


def _choose(identifier: Identifier, choose: Choose) -> PreflightReport:
    try:
        choice = choose(identifier)
        check_method(identifier, choice.method)
    except InvalidInputError as error:
        return PreflightReport(identifier, None, None, None, None, (Finding(error.message),))
    return PreflightReport(identifier, choice, None, None, None, ())


async def _check_responder(responder: HttpResponder) -> tuple[Finding, ...]:
    try:
        await responder.check()
    except ZoneproofError as error:
        return (Finding(error.message),)
    return ()


async def _survey_name(
    resolver: Resolver, zones: ZoneFinder, domain: DomainName, method: DnsMethod
) -> _SurveyedName:
    resolver = method.resolver or resolver
    findings: list[Finding] = []
    name, zone = None, None
    try:
        route = await find_route(resolver, domain, method, register=False)
        findings += _method_findings(route, method)
        name = await preflight_route(resolver, route)
        findings += name.findings
    except ZoneproofError as error:
        return _SurveyedName(None, None, (*findings, Finding(error.message)))
    if not route.unregistered:
        try:
            zone = await zones.find(method, route.publish_name)
        except ZoneproofError as error:
            findings.append(Finding(error.message))
        else:
            findings += _zone_findings(zone, name, method)
    return _SurveyedName(name, zone, tuple(findings), route.unregistered)


def _method_findings(route: Route, method: DnsMethod) -> list[Finding]:
    title = method.provider.info.title
    if route.unregistered:
        return [
            Finding(
                f"{route.domain} is not registered at {title} yet: that happens when it is first"
                " issued, which then asks for a CNAME from"
                f" {route.challenge_name} to the name that it got"
            )
        ]
    if method.provider.info.manual:
        return [
            Finding(
                f"the order will pause until you have created the TXT record at"
                f" {route.publish_name}",
                is_problem=False,
            )
        ]
    return []


def _zone_findings(zone: Zone, name: NamePreflight, method: DnsMethod) -> list[Finding]:
    if zone.name == name.zone or isinstance(method.provider, DelegatedProvider):
        return []
    return [
        Finding(
            f"{method.provider.info.title} would write to its zone {zone.name}, but the DNS has"
            f" {name.publish_name} in the zone {name.zone}: see whether that is the right one",
            is_problem=False,
        )
    ]
