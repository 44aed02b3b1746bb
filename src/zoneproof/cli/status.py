"""The ``zoneproof list``, ``show`` and ``history`` commands: what is managed, and how it stands."""

from __future__ import annotations

from datetime import UTC, datetime

import click
import msgspec

from zoneproof.cli.completion import certificate_argument
from zoneproof.cli.options import json_option
from zoneproof.cli.output import json_document, print_rows, print_table
from zoneproof.cli.running import run_with_manager
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError, StorageError
from zoneproof.core.text import printable
from zoneproof.manager import (
    CertificateSummary,
    DamagedCertificate,
    HistoryEntry,
    ManagedCertificate,
    Manager,
    csr_text,
    field_text,
    summary_of,
)
from zoneproof.manager.certificates.definition_file import format_definitions

_CHANGE = (
    "one waits until it has worked: 'zoneproof resume {0}' tries it, 'zoneproof edit {0}' drops it"
)


@click.command("list")
@click.option("--problems", is_flag=True, help="Only those that need somebody's attention.")
@click.option("--toml", "as_toml", is_flag=True, help="Print a file for 'zoneproof apply'.")
@json_option
def list_certificates(problems: bool, as_toml: bool, as_json: bool) -> None:
    """List the managed certificates and how each stands."""
    now = datetime.now(UTC)

    async def read(manager: Manager) -> list[CertificateSummary]:
        facts = await manager.circumstances()
        found = await manager.certificates.each()
        return [summary_of(one, manager.files, now, facts) for one in found]

    if as_toml:
        _print_toml(problems=problems, as_json=as_json)
        return
    found = run_with_manager(read, needs_secrets=False)
    if problems:
        found = [one for one in found if one.needs_attention]
    if as_json:
        json_document(found)
        return
    if not found:
        click.echo(
            "no certificate has a problem" if problems else "no certificates yet: 'zoneproof issue'"
        )
        return
    rows = [
        (one.name, one.status, _distance(one.not_after, now), _renewal(one, now), _remark(one))
        for one in found
    ]
    print_table(("NAME", "STATUS", "EXPIRES", "RENEWS", ""), rows)


def _print_toml(*, problems: bool, as_json: bool) -> None:
    if problems or as_json:
        raise InvalidInputError("--toml prints all definitions: leave --problems and --json away")
    found = run_with_manager(lambda manager: manager.certificates.each(), needs_secrets=False)
    definitions = [one.definition for one in found if isinstance(one, ManagedCertificate)]
    click.echo(format_definitions(definitions), nl=False)
    damaged = [one for one in found if isinstance(one, DamagedCertificate)]
    for one in damaged:
        click.echo(f"zoneproof: left out: {printable(one.error.message)}", err=True)
    if damaged:
        raise SystemExit(StorageError.exit_code)


@click.command()
@certificate_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show all of a managed certificate: its definition, its files and how it stands."""
    now = datetime.now(UTC)

    async def read(manager: Manager) -> tuple[ManagedCertificate, CertificateSummary, str, str]:
        certificate = await manager.certificates.get(name)
        facts = await manager.circumstances(certificate.definition)
        overview = summary_of(certificate, manager.files, now, facts)
        folder, log = manager.files.live(certificate.name), manager.logs.path(certificate.name)
        return certificate, overview, str(folder), str(log) if log and log.exists() else ""

    certificate, overview, folder, log = run_with_manager(read, needs_secrets=False)
    definition = msgspec.to_builtins(certificate.definition)
    if as_json:
        state = msgspec.to_builtins(overview)
        json_document({**state, "folder": folder, "log": log, "definition": definition})
        return
    methods = definition.pop("method", [])
    if certificate.definition.csr:
        definition["csr"] = csr_text(certificate.definition.csr)
    rows = {
        "status": overview.status,
        "problem": overview.problem or overview.last_error,
        "next": _next(overview, now),
        "issuer": overview.issuer,
        "valid": _validity(overview, now),
        "serial": overview.serial,
        "not deployed": _not_deployed(overview, now),
        "see": overview.explanation_url,
        "change": _CHANGE.format(overview.name) if certificate.has_pending else "",
        "files": folder,
        "log": log,
        **{key: field_text(value) for key, value in definition.items() if key != "name"},
    }
    click.secho(overview.name, bold=True)
    print_rows({key: text for key, text in rows.items() if text})
    for number, method in enumerate(methods, 1):
        click.echo(f"  method {number}")
        print_rows({key: field_text(value) for key, value in method.items()}, indent="    ")
    for record in overview.awaiting:
        click.echo(f"\n  create: {record}")


@click.command()
@certificate_argument
@json_option
def history(name: str, as_json: bool) -> None:
    """Show what happened to a managed certificate, oldest first."""

    async def read(manager: Manager) -> tuple[bool, list[HistoryEntry]]:
        found = await manager.certificates.find_meant(name)
        return found is not None, await manager.history.of(found.name if found else name)

    is_there, entries = run_with_manager(read, needs_secrets=False)
    if not entries and not is_there:
        raise InvalidInputError(f"nothing is known of a certificate '{name[:80]}'")
    if as_json:
        json_document(entries)
        return
    if not entries:
        click.echo("nothing has happened to it yet")
    for entry in entries:
        click.echo(f"{times.at(entry.at)}  {entry.kind:13}  {printable(entry.message)}")


def _distance(moment: datetime | None, now: datetime) -> str:
    return times.distance(moment, now) if moment else "-"


def _renewal(overview: CertificateSummary, now: datetime) -> str:
    if overview.renew_at and overview.renew_at <= now:
        return "now"  # how long it is due already is no matter
    return _distance(overview.renew_at, now)


def _validity(overview: CertificateSummary, now: datetime) -> str:
    if not (overview.not_before and overview.not_after):
        return ""
    return f"{times.at(overview.not_before)} to {times.at_and_distance(overview.not_after, now)}"


def _next(overview: CertificateSummary, now: datetime) -> str:
    when = ""
    if overview.renew_at:
        due = overview.renew_at <= now
        when = (
            "renewal now"
            if due
            else f"renewal from {times.at_and_distance(overview.renew_at, now)}"
        )
    return "; ".join(part for part in (when, overview.reason) if part)


def _not_deployed(overview: CertificateSummary, now: datetime) -> str:
    parts = []
    for name, task in overview.not_deployed.items():
        parts.append(f"{name} since {times.at(task.since)}")
        if task.last_error:
            parts.append(f"attempt {task.attempts} failed: {task.last_error}")
        if task.next_attempt_at:
            parts.append(f"next attempt {times.distance(task.next_attempt_at, now)}")
    return "; ".join(parts)


def _remark(overview: CertificateSummary) -> str:
    text = overview.last_error or overview.problem
    if not text and overview.not_deployed:
        text = f"not deployed: {', '.join(overview.not_deployed)}"
    if overview.status == "awaiting user":
        text = f"create {overview.awaiting[0]}"
    return text
