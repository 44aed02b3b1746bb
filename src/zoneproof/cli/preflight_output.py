"""Prints what validations depend on, what is wrong there, and the records to create."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import click

from zoneproof.challenges.preflight import Finding
from zoneproof.cli.output import print_rows
from zoneproof.core.text import printable
from zoneproof.issuance import PreflightReport, RecordAwaited
from zoneproof.issuance.event_texts import awaited
from zoneproof.issuance.preflight_texts import grouped


def print_preflight(reports: Sequence[PreflightReport]) -> None:
    """Print what validations depend on, and what is wrong; :func:`print_records` what to create."""
    for group in grouped(reports):
        click.secho(group.heading, bold=True)
        print_rows(group.rows)
        print_findings(group.findings)


def print_findings(findings: Iterable[Finding]) -> None:
    """Print what is wrong or worth knowing."""
    for finding in findings:
        mark = click.style("PROBLEM", fg="red") if finding.is_problem else "note"
        click.echo(f"  {mark}: {printable(finding.text)}")


def print_records(reports: Iterable[PreflightReport]) -> None:
    """Print the records to create, each once."""
    records = [finding.record for one in reports for finding in one.findings if finding.record]
    if records:
        click.secho("\nCreate first:\n", bold=True)
    for record in dict.fromkeys(records):
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
