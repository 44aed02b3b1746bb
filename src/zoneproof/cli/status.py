"""The ``zoneproof list``, ``show`` and ``history`` commands: what is managed, and how it stands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from zoneproof.cli.completion import certificate_argument
from zoneproof.cli.option_groups import json_option
from zoneproof.cli.output import json_document, print_rows, tell_all
from zoneproof.cli.running import read_home
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError, StorageError
from zoneproof.core.text import printable
from zoneproof.manager import (
    CertificateSummary,
    DamagedCertificate,
    Home,
    ManagedCertificate,
    Manager,
)
from zoneproof.manager.certificates.definition_file import format_definitions
from zoneproof.manager.certificates.details import (
    details,
    expiry_text,
    remark,
    renewal_text,
    secrets_problem,
    summaries,
)
from zoneproof.manager.certificates.details import history as history_of
from zoneproof.manager.certificates.last_run import nothing_renews

_NO_PROBLEM = "no certificate has a problem"
_CHANGE = (
    "one is pending until it works: 'zoneproof resume {0}' tries it, 'zoneproof edit {0}"
    " --discard-change' discards it"
)


@click.command("list")
@click.option("--problems", is_flag=True, help="Only those that need attention.")
@click.option("--toml", "as_toml", is_flag=True, help="Print a file for 'zoneproof apply'.")
@json_option
def list_certificates(problems: bool, as_toml: bool, as_json: bool) -> None:
    """List the managed certificates and their status.

    With --problems, exits with 1 if nothing is renewed: stored secrets cannot be opened, or no
    renewal has run for a day although one is due.
    """
    now = datetime.now(UTC)

    if as_toml:
        _print_toml(problems=problems, as_json=as_json)
        return

    async def look(manager: Manager) -> tuple[list[CertificateSummary], list[str]]:
        found, locked = await summaries(manager, now), secrets_problem(manager)
        return found, [text for text in (locked, nothing_renews(manager.home, found, now)) if text]

    found, stopping = read_home(look)
    some = bool(found)
    if problems:
        found = [one for one in found if one.needs_attention]

    def row(one: CertificateSummary) -> Sequence[str]:
        expires, renews = expiry_text(one, now) or "-", renewal_text(one, now) or "-"
        return one.name, one.status, expires, renews, remark(one, now)

    none = "no certificate has a problem of its own" if stopping else _NO_PROBLEM
    tell_all(
        found,
        ("NAME", "STATUS", "EXPIRES", "RENEWS", ""),
        row,
        if_none=none if some else _none_yet(),
        as_json=as_json,
    )
    for text in stopping:
        click.echo(printable(f"zoneproof: {text}"), err=True)
    if stopping and problems:
        raise SystemExit(1)


def _none_yet() -> str:
    """Say which home is empty: another user, or a timer, may have another one."""
    return (
        f"no certificates yet in {printable(str(Home.find().path))}: 'zoneproof issue' obtains one;"
        " ZONEPROOF_HOME names another home"
    )


def _print_toml(*, problems: bool, as_json: bool) -> None:
    if problems or as_json:
        raise InvalidInputError("--toml prints all definitions: omit --problems and --json")
    found = read_home(lambda manager: manager.certificates.each())
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
    """Show a managed certificate in detail: its definition, files and status."""
    now = datetime.now(UTC)

    found = read_home(lambda manager: details(manager, name, now))
    if as_json:
        json_document(found.as_fields())
        return
    name = found.summary.name
    click.secho(name, bold=True)
    print_rows(found.rows(now, change=_CHANGE.format(name)))
    for number, rows in enumerate(found.method_rows(), 1):
        click.echo(f"  method {number}")
        print_rows(rows, indent="    ")
    for task, rows in found.task_rows().items():
        click.echo(f"  task {task}")
        print_rows(rows, indent="    ")
    for record in found.summary.awaiting:
        click.echo(f"\n  create: {record}")


@click.command()
@certificate_argument
@json_option
def history(name: str, as_json: bool) -> None:
    """Show the history of a managed certificate, oldest first."""

    entries = read_home(lambda manager: history_of(manager, name))
    if as_json:
        json_document(entries)
        return
    if not entries:
        click.echo("nothing has happened to it yet")
    for entry in entries:
        click.echo(f"{times.at(entry.at)}  {entry.kind:13}  {printable(entry.message)}")
