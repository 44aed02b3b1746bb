"""The command ``zoneproof challenge import-acme-dns``: take over an acme-dns."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.importing.takeover import LeftOut, Summary
from zoneproof.challengedns.importing.takeover import import_acme_dns as run
from zoneproof.challengedns.store.audit import Actor, ServiceAudit
from zoneproof.cli.challenge.database import config_option
from zoneproof.cli.option_groups import dry_run_option, json_events_option
from zoneproof.cli.output import json_line, warn_of_literals
from zoneproof.cli.person import person
from zoneproof.core.text import count

_REGISTRATIONS = {
    "new": "new",
    "there": "here already",
    "deleted": "deleted here",
    "conflict": "in conflict with what is here",
    "skipped": "skipped",
}
_VALUES = {
    "new": "new",
    "there": "here already",
    "expired": "older than value_lifetime",
    "malformed": "malformed",
    "unused": "of accounts that were left out or are in use here",
}


@click.command("import-acme-dns")
@config_option
@click.argument("source")
@click.option(
    "--tenant",
    metavar="TENANT",
    help="Tenant that gets the new registrations.  [default: nobody's]",
)
@dry_run_option
@json_events_option
def import_acme_dns(
    path: Path, source: str, tenant: str | None, dry_run: bool, as_json: bool
) -> None:
    """Import the accounts of an acme-dns.

    Their keys and current values are imported, too. SOURCE is its SQLite file, or the postgres://
    URL of its database (the password may be in PGPASSWORD). It is only read. The import can be
    repeated: it keeps what has changed here since. Exits with 1 if an account could not be
    imported.
    """
    config = load_config(path)
    if re.match(r"postgres(ql)?://[^/@]*:[^/@]+@", source):
        warn_of_literals(["the password in the URL"], "PGPASSWORD")
    tell = _JsonLines() if as_json else _Lines()
    summary = asyncio.run(
        run(
            config,
            source,
            tenant=tenant,
            dry_run=dry_run,
            audit=ServiceAudit(Actor(person())),
            left_out=tell.left_out,
            progress=tell.progress,
        )
    )
    tell.summary(config, summary, tenant, dry_run=dry_run)
    if summary.lost and not dry_run:
        raise SystemExit(1)


class _Lines:
    """Text: the summary on stdout; what is left out, and on a terminal the progress, on stderr."""

    def __init__(self) -> None:
        self._is_terminal = sys.stderr.isatty()

    def left_out(self, item: LeftOut) -> None:
        what = "conflict" if item.conflict else "value left out" if item.value else "left out"
        self._clear()
        click.echo(f"{what}: {item.subdomain or '(no subdomain)'}: {item.reason}", err=True)

    def progress(self, done: int, total: int) -> None:
        self._clear()
        if self._is_terminal and done < total:
            click.echo(f"{done:,} of {total:,} accounts", nl=False, err=True)

    def summary(
        self, config: Config, summary: Summary, tenant: str | None, *, dry_run: bool
    ) -> None:
        if dry_run:
            click.echo("dry run: nothing was changed; an import now would give")
        click.echo(f"registrations  {_counts(summary.registrations, _REGISTRATIONS)}")
        click.echo(f"values         {_counts(summary.values, _VALUES)}")
        if tenant and summary.without_tenant:
            click.echo(
                f"no tenant      {summary.without_tenant} of those that are here already:"
                f" 'zoneproof challenge registration assign --tenant {tenant} --all-without-tenant'"
                " assigns all that have none"
            )
        for zone in _zones(config):
            click.echo(f"names          <subdomain>.{zone}")
        click.echo(
            "Clients' CNAMEs lead to <subdomain>.<domain>, with the 'domain' of acme-dns's"
            " config.cfg: it must be the zone above."
        )
        if summary.lost:
            lost = count(summary.lost, "account")
            click.echo(
                f"zoneproof: not imported, for the reasons above: {lost}, whose clients will fail",
                err=True,
            )

    def _clear(self) -> None:
        if self._is_terminal:
            click.echo("\r\x1b[K", nl=False, err=True)


class _JsonLines:
    """A line of JSON for everything left out, then one for the summary."""

    def left_out(self, item: LeftOut) -> None:
        found: dict[str, object] = {"subdomain": item.subdomain, "reason": item.reason}
        if item.value:
            json_line({"event": "value_left_out", **found})
        else:
            json_line({"event": "left_out", "conflict": item.conflict, **found})

    def progress(self, done: int, total: int) -> None:
        pass

    def summary(
        self,
        config: Config,
        summary: Summary,
        tenant: str | None,
        *,
        dry_run: bool,
    ) -> None:
        json_line(
            {
                "event": "imported",
                "dry_run": dry_run,
                "registrations": summary.registrations,
                "values": summary.values,
                "without_tenant": summary.without_tenant,
                "zones": _zones(config),
            }
        )


def _zones(config: Config) -> list[str]:
    return [str(zone.name) for zone in config.zones if zone.registrations]


def _counts(counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    return ", ".join(
        f"{counts[kind]} {word}" for kind, word in words.items() if counts[kind] or kind == "new"
    )
