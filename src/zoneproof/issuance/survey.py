"""Examines how each identifier would be validated by its method: what preview shows. Read only."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from zoneproof.dnsquery import CaaVerdict, Resolver, check_caa
from zoneproof.errors import InvalidInputError, ZoneproofError
from zoneproof.http01 import HttpResponder
from zoneproof.issuance.caa import caa_resolver
from zoneproof.issuance.checks import check_method
from zoneproof.issuance.concurrent import all_at_once
from zoneproof.issuance.examine import (
    Examination,
    Finding,
    NameExamination,
    caa_findings,
    examine_route,
)
from zoneproof.issuance.method import DnsMethod
from zoneproof.issuance.plan import Choose
from zoneproof.issuance.routing import Route, ZoneFinder, disagreements, find_route
from zoneproof.names import DomainName, Identifier
from zoneproof.providers import DelegatedProvider, Zone


async def survey(
    identifiers: Sequence[Identifier],
    choose: Choose,
    resolver: Resolver,
    *,
    issuers: Collection[str] = (),
    account_url: str | None = None,
) -> list[Examination]:
    """Examine all identifiers at once, each with the method that is chosen for it.

    Nothing is changed and nothing raised: what goes wrong for one identifier, also in ``choose``,
    is a finding of that one. What they share is looked up once. Whether one order can hold them
    all is for :func:`~zoneproof.issuance.checks.check_identifiers` to say. ``issuers`` are the
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

    async def caa(one: Examination) -> CaaVerdict | None:
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

    def complete(one: Examination, verdict: CaaVerdict | None) -> Examination:
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

    name: NameExamination | None
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


def _choose(identifier: Identifier, choose: Choose) -> Examination:
    try:
        choice = choose(identifier)
        check_method(identifier, choice.method)
    except InvalidInputError as error:
        return Examination(identifier, None, None, None, None, (Finding(error.message),))
    return Examination(identifier, choice, None, None, None, ())


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
        name = await examine_route(resolver, route)
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
    if method.provider.info.by_hand:
        return [
            Finding(
                f"the order will pause until you have created the TXT record at"
                f" {route.publish_name}",
                is_problem=False,
            )
        ]
    return []


def _zone_findings(zone: Zone, name: NameExamination, method: DnsMethod) -> list[Finding]:
    if zone.name == name.zone or isinstance(method.provider, DelegatedProvider):
        return []
    return [
        Finding(
            f"{method.provider.info.title} would write to its zone {zone.name}, but the DNS has"
            f" {name.publish_name} in the zone {name.zone}: see whether that is the right one",
            is_problem=False,
        )
    ]
