"""What the DNS says of a challenge name, and what of it would make a validation fail. Read only."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass

from zoneproof.challenges import dns01
from zoneproof.dnsquery import (
    CaaVerdict,
    Delegation,
    NameReport,
    Resolver,
    ServerStatus,
    Status,
    check_caa,
    check_visible,
    find_zone,
    follow_delegation,
    query_authoritative,
)
from zoneproof.issuance.plan import check_has_dns
from zoneproof.names import DomainName, Identifier


@dataclass(frozen=True)
class Finding:
    """Something that is wrong, or worth knowing, with the record to create or remove if any.

    ``is_problem`` tells that a validation would fail.
    """

    text: str
    is_problem: bool = True
    record: str = ""


@dataclass(frozen=True)
class Examination:
    """The state of one challenge name.

    ``leftovers`` are the TXT values at the challenge name and at the publish name; ``servers``
    tells which authoritative servers of the publish name's zone answer.
    """

    identifier: Identifier
    challenge_name: DomainName
    delegation: Delegation
    publish_name: DomainName
    zone: DomainName
    servers: NameReport
    leftovers: tuple[tuple[DomainName, str], ...]
    caa: CaaVerdict
    findings: tuple[Finding, ...]

    @property
    def would_fail(self) -> bool:
        """Whether a validation would fail as things are."""
        return any(finding.is_problem for finding in self.findings)


async def examine(
    resolver: Resolver,
    identifier: Identifier,
    *,
    expected: DomainName | None = None,
    issuers: Collection[str] = (),
    account_url: str | None = None,
) -> Examination:
    """Look at everything that a dns-01 validation of the identifier depends on.

    ``expected`` is where a CNAME at the challenge name should lead, None for wherever it leads.
    ``issuers`` are the CA's names in CAA records; without any, CAA is not looked up. Raises
    InvalidInputError for an IP address, DnsError and DelegationError when not even the zone can be
    found.
    """
    check_has_dns(identifier)
    challenge_name = dns01.challenge_name(identifier)
    delegation = await follow_delegation(resolver, challenge_name)
    publish_name = expected or delegation.target
    cut, servers, leftovers, caa = await asyncio.gather(
        find_zone(resolver, publish_name),
        check_visible(resolver, {publish_name: frozenset()}),
        _leftovers(resolver, {challenge_name, publish_name}),
        check_caa(
            resolver, identifier, issuers=issuers, account_url=account_url, method=dns01.TYPE
        ),
    )
    (report,) = servers.names
    findings = (
        *_delegation_findings(delegation, expected, leftovers),
        *_server_findings(report),
        *_leftover_findings(leftovers),
        *([] if caa.allowed else [Finding(f"CAA: {caa.reason}")]),
    )
    return Examination(
        identifier,
        challenge_name,
        delegation,
        publish_name,
        cut.name,
        report,
        leftovers,
        caa,
        findings,
    )


async def _leftovers(
    resolver: Resolver, names: Collection[DomainName]
) -> tuple[tuple[DomainName, str], ...]:
    found = []
    for name in sorted(names):
        answer = await query_authoritative(resolver, name, "TXT")
        if answer.status is Status.RECORDS and not answer.chain:
            found += [(name, text) for text in answer.texts]
    return tuple(found)


def _delegation_findings(
    delegation: Delegation,
    expected: DomainName | None,
    leftovers: Collection[tuple[DomainName, str]],
) -> list[Finding]:
    challenge_name = delegation.chain[0]
    if delegation.from_wildcard:
        return [
            Finding(
                f"a wildcard CNAME answers for {challenge_name} (with {delegation.chain[1]}); it is"
                " no delegation, and a TXT record there takes its place",
                is_problem=expected is not None,
            )
        ]
    if expected is None or delegation.target == expected:
        return []
    record = f"{challenge_name.fqdn} IN CNAME {expected.fqdn}"
    if delegation.is_delegated:
        return [
            Finding(
                f"the CNAME at {challenge_name} leads to {delegation.target} instead of {expected}:"
                " change it",
                record=record,
            )
        ]
    if any(name == challenge_name for name, _ in leftovers):
        return [
            Finding(
                f"{challenge_name} holds a TXT record, beside which no CNAME can stand: remove it,"
                " then create the CNAME (Cloudflare's Universal SSL puts one there that its"
                " dashboard does not show)",
                record=record,
            )
        ]
    return [Finding(f"the CNAME at {challenge_name} is missing: create it", record=record)]


def _server_findings(report: NameReport) -> list[Finding]:
    useless = [server for server in report.servers if server.status is not ServerStatus.VISIBLE]
    if len(useless) == len(report.servers):
        reason = report.note or f"no name server of {report.zone} answers"
        text = f"{reason}; propagation cannot be checked, a fixed wait takes its place"
        return [Finding(text, is_problem=False)]
    return [Finding(f"name server {server}", is_problem=False) for server in useless]


def _leftover_findings(leftovers: Collection[tuple[DomainName, str]]) -> list[Finding]:
    return [
        Finding(f'a TXT value is left over at {name}: "{text[:80]}"', is_problem=False)
        for name, text in leftovers
    ]
