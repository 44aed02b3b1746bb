"""How identifiers would be validated, in words for people and as fields for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from zoneproof.challenges.preflight import Finding, NamePreflight
from zoneproof.dnsquery import CaaVerdict, ServerStatus
from zoneproof.issuance.preflight import PreflightReport


class PreflightGroup(msgspec.Struct, frozen=True):
    """Identifiers of which the same is to be told: names and texts, and what is found of them."""

    reports: tuple[PreflightReport, ...]
    rows: Mapping[str, str]
    findings: tuple[Finding, ...]

    @property
    def heading(self) -> str:
        """The identifiers in words."""
        return ", ".join(str(one.identifier) for one in self.reports)


def grouped(reports: Sequence[PreflightReport]) -> list[PreflightGroup]:
    """Return what validations depend on, and what is wrong with them.

    Identifiers of which the same is to be told, as of a name and its wildcard, stand together.
    What is found of several groups is told once, after all of them, in groups without rows.
    """
    shared = _shared_findings(reports)
    groups: dict[tuple[object, tuple[Finding, ...]], list[PreflightReport]] = {}
    for one in reports:
        own = tuple(finding for finding in one.findings if finding not in shared)
        groups.setdefault((tuple(_rows(one).items()), own), []).append(one)
    return [
        *(PreflightGroup(tuple(group), _rows(group[0]), own) for (_, own), group in groups.items()),
        *(PreflightGroup(tuple(group), {}, (finding,)) for finding, group in shared.items()),
    ]


def _shared_findings(
    reports: Sequence[PreflightReport],
) -> dict[Finding, list[PreflightReport]]:
    """Return what is found of identifiers that do not stand together anyway."""
    found: dict[Finding, dict[tuple[object, ...], list[PreflightReport]]] = {}
    for one in reports:
        told = (*_rows(one).items(), *one.findings)
        for finding in one.findings:
            found.setdefault(finding, {}).setdefault(told, []).append(one)
    return {
        finding: [one for group in groups.values() for one in group]
        for finding, groups in found.items()
        if len(groups) > 1
    }


def _rows(examination: PreflightReport) -> dict[str, str]:
    rows = _method_rows(examination)
    if examination.name is not None:
        rows |= _name_rows(examination.name)
        zone = examination.name.zone
        if examination.choice is None and zone.providers:
            rows["hosted at"] = f"{zone.titles}: {zone.commands}"
    if examination.caa is not None:
        rows["CAA"] = _caa_row(examination.caa)
    return rows


def _caa_row(caa: CaaVerdict) -> str:
    if caa.allowed:
        return caa.reason
    return "could not be looked up" if caa.failed else "forbids it"  # and a finding says why


def _method_rows(examination: PreflightReport) -> dict[str, str]:
    choice = examination.choice
    if choice is None:
        return {}
    rows = {"method": f"{choice.method.type}, {choice.reason}"}
    details = choice.method.details(examination.zone)
    return rows | {one.label: one.text for one in details if one.text}


def _name_rows(name: NamePreflight) -> dict[str, str]:
    servers = name.servers.servers
    answering = [server for server in servers if server.status is ServerStatus.VISIBLE]
    chain = name.delegation.chain
    shown = " -> ".join(map(str, chain)) if len(chain) > 1 else "none"
    if name.delegation.from_wildcard:
        shown += " (the last by a wildcard, which a TXT record replaces)"
    rows = {
        "challenge name": str(name.challenge_name),
        "delegation": shown,
        "publish name": str(name.publish_name),
        "zone": str(name.zone.name),
        "name servers": f"{len(answering)} of {len(servers)} answer",
    }
    if name.expected is not None:
        wanted = name.expected == name.delegation.target
        rows["delegation"] += " (as expected)" if wanted else f" (expected: {name.expected})"
    return rows


def preflight_fields(examination: PreflightReport) -> dict[str, object]:
    """Return the report for programs."""
    choice, caa = examination.choice, examination.caa
    facts: dict[str, object] = {"identifier": examination.identifier.value}
    if choice is not None:
        method = choice.method
        facts |= {"challenge": method.type, "reason": choice.reason}
        facts |= {one.key: one.value for one in method.details(examination.zone)}
    if examination.name is not None:
        facts |= _name_facts(examination.name)
    if caa is not None:
        facts["caa"] = {"allowed": caa.allowed, "reason": caa.reason}
    facts["findings"] = finding_fields(examination.findings)
    facts["would_fail"] = examination.would_fail
    return facts


def finding_fields(findings: Sequence[Finding]) -> list[dict[str, object]]:
    """Return findings for programs."""
    return [
        {"problem": finding.is_problem, "text": finding.text, "record": finding.record}
        for finding in findings
    ]


def _name_facts(name: NamePreflight) -> dict[str, object]:
    return {
        "challenge_name": str(name.challenge_name),
        "chain": [str(link) for link in name.delegation.chain],
        "from_wildcard": name.delegation.from_wildcard,
        "expected": str(name.expected or ""),
        "publish_name": str(name.publish_name),
        "zone": str(name.zone.name),
        "hosted_at": name.zone.slugs,
        "servers": [
            {
                "name": str(server.server),
                "address": server.address,
                "status": server.status.name.lower(),
            }
            for server in name.servers.servers
        ],
        "leftovers": [{"name": str(owner), "txt": txt} for owner, txt in name.leftovers],
    }
