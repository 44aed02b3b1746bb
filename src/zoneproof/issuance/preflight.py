"""What a validation of each identifier depends on, and what would make it fail. Read only."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence

import msgspec
from msgspec.structs import replace

from zoneproof.challenges import ask_solvers, dns01
from zoneproof.challenges.dns01 import check_has_dns
from zoneproof.challenges.dns_persist01 import Applicant
from zoneproof.challenges.preflight import Finding, MethodPreflight, NamePreflight, preflight_route
from zoneproof.challenges.routing import Route
from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import CaaVerdict, Resolver, ServerStatus, check_caa, follow_delegation
from zoneproof.issuance.plan import Choice, Choose
from zoneproof.providers import Zone


class PreflightReport(msgspec.Struct, frozen=True):
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

    @property
    def is_unseen(self) -> bool:
        """Whether no name server answers here, so that nobody can tell what a CA would find."""
        servers = self.name.servers.servers if self.name else ()
        return not any(server.status is ServerStatus.VISIBLE for server in servers)


async def preflight_name(
    resolver: Resolver,
    identifier: Identifier,
    *,
    expected: DomainName | None = None,
    issuers: Collection[str],
    account_url: str | None,
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


def caa_findings(verdict: CaaVerdict, known: Sequence[Finding]) -> list[Finding]:
    """Return what is wrong with the verdict, unless the cause is ``known``: a DNS out of reach.

    A lookup that failed is no problem, because the CA's may not.
    """
    if verdict.allowed:
        return []
    if verdict.failed and any(one.is_problem and one.text in verdict.reason for one in known):
        return []
    return [Finding(f"CAA: {verdict.reason}", is_problem=not verdict.failed)]


async def preflight(
    identifiers: Sequence[Identifier],
    choose: Choose,
    resolver: Resolver,
    *,
    issuers: Collection[str] = (),
    account_url: str | None = None,
    applicant: Applicant | None = None,
) -> list[PreflightReport]:
    """Examine all identifiers at once, each with the method that is chosen for it.

    Nothing is changed and nothing raised: what goes wrong for one identifier, also in ``choose``,
    is a finding of that one. What they share is looked up once. Whether one order can hold them
    all is for :func:`~zoneproof.issuance.rules.check_identifiers` to say. ``issuers`` are the
    CA's names in CAA records; without any, CAA is not looked up. ``applicant`` is the account that
    would ask, None for one that is not known yet.
    """

    async def caa(identifier: Identifier, choice: Choice) -> CaaVerdict:
        return await check_caa(
            choice.method.resolver or resolver,
            identifier,
            issuers=issuers,
            account_url=account_url,
            method=choice.method.type,
        )

    reports = {identifier: _choose(identifier, choose) for identifier in identifiers}
    chosen = {one: found.choice for one, found in reports.items() if found.choice}
    results, verdicts = await asyncio.gather(
        ask_solvers(
            [(one, choice.method) for one, choice in chosen.items()],
            lambda solver, wanted: solver.preflight(wanted, resolver, applicant),
        ),
        all_at_once(caa(*pair) for pair in chosen.items()),
    )
    for identifier, found, verdict in zip(chosen, results, verdicts, strict=True):
        reports[identifier] = _complete(reports[identifier], found, verdict)
    return [reports[identifier] for identifier in identifiers]


def _complete(
    report: PreflightReport, found: MethodPreflight, verdict: CaaVerdict
) -> PreflightReport:
    findings = (*found.findings, *caa_findings(verdict, found.findings))
    return replace(report, name=found.name, zone=found.zone, caa=verdict, findings=findings)


def _choose(identifier: Identifier, choose: Choose) -> PreflightReport:
    try:
        choice = choose(identifier)
        choice.method.check(identifier)
    except InvalidInputError as error:
        return PreflightReport(identifier, None, None, None, None, (Finding(error.message),))
    return PreflightReport(identifier, choice, None, None, None, ())
