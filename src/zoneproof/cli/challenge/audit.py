"""The ``zoneproof challenge audit`` command: who did what at the service."""

from __future__ import annotations

from pathlib import Path

import click

from zoneproof.challengedns.api.messages import AuditPage
from zoneproof.challengedns.store.audit import ServiceAuditEntry, entries
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.tenants import known_tenant
from zoneproof.cli.challenge.database import config_option, read
from zoneproof.cli.option_groups import json_option
from zoneproof.cli.output import json_document
from zoneproof.core import times
from zoneproof.core.text import printable
from zoneproof.storage import Transaction
from zoneproof.storage.audit_log import OK


@click.command()
@config_option
@click.option("--search", "text", default="", metavar="TEXT", help="Only entries with this text.")
@click.option("--tenant", default="", metavar="TENANT", help="Only what concerns this tenant.")
@click.option(
    "--limit",
    type=click.IntRange(min=1, max=1000),
    default=100,
    show_default=True,
    metavar="NUMBER",
    help="How many entries, at most.",
)
@click.option(
    "--before",
    type=click.IntRange(min=1, max=10**18),
    metavar="NUMBER",
    help="Only entries older than the one with this number.",
)
@json_option
def audit(
    path: Path, text: str, tenant: str, limit: int, before: int | None, as_json: bool
) -> None:
    """List who did what, the newest first.

    In the pages, through the REST API and at the command line. Each line has the entry's number,
    when and who it was, the tenant that it concerns, and what was done.
    """

    def work(tx: Transaction, _: Registrations) -> list[ServiceAuditEntry]:
        found = entries(tx, text=text, tenant=tenant, before=before, limit=limit + 1)
        if tenant and not found:  # of one that was deleted there are some
            known_tenant(tx, tenant)
        return found

    found = read(path, work)
    shown = found[:limit]
    older = str(shown[-1].number) if len(found) > limit else None
    if as_json:
        json_document(AuditPage(tuple(shown), older))
        return
    for one in shown:
        click.echo(printable(_line(one)))
    if not shown:
        click.echo("no entries" if text or tenant or before else "nothing has been done yet")
    elif older:
        click.echo(f"older entries: --before {older}", err=True)


def _line(one: ServiceAuditEntry) -> str:
    where = f" from {one.address}" if one.address else ""
    result = "" if one.result == OK else f": {one.result}"
    what = f"{one.action} {one.subject}".rstrip()
    return (
        f"{one.number}  {times.at(one.at)}  {one.who}{where}  {one.tenant or '-'}  {what}{result}"
    )
