"""Prints results: JSON for programs; rows, tables and sentences for people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

import click
import msgspec

from zoneproof.challenges.preflight import Finding
from zoneproof.core.errors import ZoneproofError
from zoneproof.core.text import printable
from zoneproof.issuance import PreflightReport, RecordAwaited
from zoneproof.issuance.event_texts import awaited
from zoneproof.issuance.preflight_texts import grouped
from zoneproof.manager import Outcome


def json_text(value: object, *, indent: int = -1) -> str:
    """Return a value as JSON, escaped wherever a terminal could take it for more than text."""
    text = msgspec.json.encode(value).decode()
    if not text.isprintable():
        text = "".join(char if char.isprintable() else _escaped(char) for char in text)
    return msgspec.json.format(text, indent=indent)


def _escaped(char: str) -> str:
    units = char.encode("utf-16-be").hex()
    return "".join(f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4))


def json_document(value: object) -> None:
    """Print a result as one indented JSON document."""
    click.echo(json_text(value, indent=2))


def tell(result: object, text: str, *, as_json: bool) -> None:
    """Print a result as JSON, or what it means as text for people."""
    if as_json:
        json_document(result)
    else:
        click.echo(printable(text))


def json_line(value: object) -> None:
    """Print one of several results or events, as a line of JSON."""
    click.echo(json_text(value))


def json_error(error: ZoneproofError) -> None:
    """Print an error as a line of JSON."""
    json_line(
        {
            "event": "error",
            "kind": type(error).__name__,
            "message": printable(error.message),
            "records": error.records,
            "exit_code": error.exit_code,
        }
    )


def tell_certificate(outcome: Outcome, *, indent: str = "  ") -> None:
    """Print what a certificate is, and where the files are that a server wants."""
    click.echo("")
    print_rows(outcome.rows(datetime.now(UTC)), indent=indent)


def tell_error(error: ZoneproofError) -> None:
    """Print what went wrong, below the records to create."""
    if error.records:
        click.echo("")
        for record in error.records:
            click.echo(f"  {printable(record)}")
        click.echo("")
    click.echo(f"zoneproof: {printable(error.message)}", err=True)


def print_table(heading: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows below a heading, in columns."""
    lines = [heading, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        cells = [text.ljust(width) for text, width in zip(line, widths, strict=True)]
        click.echo(printable("  ".join(cells).rstrip()))


def print_rows(rows: Mapping[str, str], *, indent: str = "  ") -> None:
    """Print names and texts below one another."""
    width = max((len(name) for name in rows), default=0)
    for name, text in rows.items():
        click.echo(f"{indent}{name:{width}}  {printable(text)}")


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
