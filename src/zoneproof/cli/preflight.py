"""Shows how identifiers would be validated, for ``doctor`` and ``preview``."""

from __future__ import annotations

from collections.abc import Sequence

import click

from zoneproof.cli.output import print_rows
from zoneproof.core.text import printable
from zoneproof.dnsquery import CaaVerdict, ServerStatus
from zoneproof.issuance import (
    DnsMethod,
    Finding,
    HttpMethod,
    NamePreflight,
    PreflightReport,
    RecordAwaited,
)
from zoneproof.issuance.event_texts import awaited


def print_examinations(examinations: Sequence[PreflightReport]) -> None:
    """Print what validations depend on, and what is wrong with them.

    Identifiers of which the same is to be said, as of a name and its wildcard, stand together.
    What is found of several is printed once, after all of them. The records to create are printed
    by :func:`print_records`.
    """
    shared = _shared_findings(examinations)
    groups: dict[tuple[object, tuple[Finding, ...]], list[PreflightReport]] = {}
    for examination in examinations:
        own = tuple(one for one in examination.findings if one not in shared)
        groups.setdefault((tuple(_rows(examination).items()), own), []).append(examination)
    for (_, own), group in groups.items():
        _print_heading(group)
        print_rows(_rows(group[0]))
        print_findings(own)
    for found, group in shared.items():
        _print_heading(group)
        print_findings([found])


def _shared_findings(
    examinations: Sequence[PreflightReport],
) -> dict[Finding, list[PreflightReport]]:
    """Return what is found of identifiers that do not stand together anyway."""
    found: dict[Finding, dict[tuple[object, ...], list[PreflightReport]]] = {}
    for one in examinations:
        said = (*_rows(one).items(), *one.findings)
        for finding in one.findings:
            found.setdefault(finding, {}).setdefault(said, []).append(one)
    return {
        finding: [one for group in groups.values() for one in group]
        for finding, groups in found.items()
        if len(groups) > 1
    }


def _print_heading(group: Sequence[PreflightReport]) -> None:
    click.secho(", ".join(str(one.identifier) for one in group), bold=True)


def print_findings(findings: Sequence[Finding]) -> None:
    """Print what is wrong or worth knowing."""
    for finding in findings:
        mark = click.style("PROBLEM", fg="red") if finding.is_problem else "note"
        click.echo(f"  {mark}: {printable(finding.text)}")


def print_records(examinations: Sequence[PreflightReport]) -> None:
    """Print the records to create, each once."""
    records = [finding.record for one in examinations for finding in one.findings]
    if any(records):
        click.secho("\nCreate first:\n", bold=True)
    for record in dict.fromkeys(filter(None, records)):
        click.echo(f"  {record}")


def print_awaited(records: Sequence[RecordAwaited]) -> None:
    """Print the records that a person creates, and at which name servers each is seen or missing.

    Those that are still to be created come first.
    """
    for heading, seen in (("Create first:", False), ("Already created:", True)):
        chosen = [one for one in records if (one.status == "seen") is seen]
        if chosen:
            click.secho(f"\n{heading}\n", bold=True)
        for one in chosen:
            click.echo(printable(f"  {one.record}"))
            click.echo(printable(f"    {awaited(one)}"))


def _rows(examination: PreflightReport) -> dict[str, str]:
    rows = _method_rows(examination)
    if examination.name is not None:
        rows |= _name_rows(examination.name)
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
    if isinstance(choice.method, HttpMethod):
        return rows | {"answered by": choice.method.responder.where}
    rows["provider"] = choice.method.provider.info.title
    if choice.method.credential:
        rows["credential"] = choice.method.credential
    if examination.zone:
        rows["written to"] = f"the zone {examination.zone.name}"
    rows["waits for DNS"] = str(choice.method.propagation)
    return rows


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
        "zone": str(name.zone),
        "name servers": f"{len(answering)} of {len(servers)} answer",
    }
    if name.expected is not None:
        wanted = name.expected == name.delegation.target
        rows["delegation"] += " (as expected)" if wanted else f" (expected: {name.expected})"
    return rows


def facts_of(examination: PreflightReport) -> dict[str, object]:
    """Return the same for programs."""
    choice, caa = examination.choice, examination.caa
    facts: dict[str, object] = {"identifier": examination.identifier.value}
    if choice is not None:
        method = choice.method
        facts |= {"challenge": method.type, "reason": choice.reason}
        if isinstance(method, DnsMethod):
            facts |= {
                "provider": method.slug,
                "credential": method.credential,
                "propagation": str(method.propagation),
                "provider_zone": str(examination.zone.name) if examination.zone else "",
            }
        else:
            facts["answered_by"] = method.responder.where
    if examination.name is not None:
        facts |= _name_facts(examination.name)
    if caa is not None:
        facts["caa"] = {"allowed": caa.allowed, "reason": caa.reason}
    facts["findings"] = finding_facts(examination.findings)
    facts["would_fail"] = examination.would_fail
    return facts


def finding_facts(findings: Sequence[Finding]) -> list[dict[str, object]]:
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
        "zone": str(name.zone),
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
