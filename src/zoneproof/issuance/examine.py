"""What the DNS says of a challenge name, and what of it would make a validation fail. Read only."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from zoneproof.challenges import dns01
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
from zoneproof.issuance.checks import check_has_dns
from zoneproof.issuance.method import Choice
from zoneproof.issuance.routing import (
    Route,
    cname_advice,
    texts_beside_cname,
)
from zoneproof.names import DomainName, Identifier
from zoneproof.providers import Zone


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or worth knowing, with the record to create or remove if any.

    ``is_problem`` tells that a validation would fail.
    """

    text: str
    is_problem: bool = True
    record: str = ""


@dataclass(frozen=True)
class NameExamination:
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
class Examination:
    """What a validation of one identifier depends on, as things are.

    ``choice`` is None where no method is known: without configuration, or because none fits.
    ``name`` is None for http-01, and for a challenge name that could not be examined; ``zone`` is
    the one that the provider would write to, None if there is none. Each finding is here, also
    those of ``name``.
    """

    identifier: Identifier
    choice: Choice | None
    name: NameExamination | None
    zone: Zone | None
    caa: CaaVerdict | None
    findings: tuple[Finding, ...]

    @property
    def would_fail(self) -> bool:
        """Whether a validation would fail."""
        return any(finding.is_problem for finding in self.findings)


async def examine(
    resolver: Resolver,
    identifier: Identifier,
    *,
    expected: DomainName | None = None,
    issuers: Collection[str] = (),
    account_url: str | None = None,
) -> Examination:
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
        examine_route(resolver, route),
        check_caa(
            resolver, identifier, issuers=issuers, account_url=account_url, method=dns01.TYPE
        ),
    )
    return Examination(
        identifier, None, name, None, caa, (*name.findings, *caa_findings(caa, name.findings))
    )


async def examine_route(resolver: Resolver, route: Route) -> NameExamination:
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
    return NameExamination(
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
