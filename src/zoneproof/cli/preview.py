"""The ``zoneproof preview`` command: what issuing would do, and what would go wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click

from zoneproof.cli.definitions import (
    DEFINITION_GROUPS,
    Request,
    certificate_name_option,
    definition_options,
    names_from,
    names_options,
    read_options,
    take_options,
)
from zoneproof.cli.option_groups import GroupedHelp, authoritative_port_option, json_flag
from zoneproof.cli.options import TERMS_GROUP, run_from, terms_options
from zoneproof.cli.output import json_line, print_rows
from zoneproof.cli.preflight_output import print_awaited, print_findings, print_preflight
from zoneproof.cli.running import run_with_manager
from zoneproof.core.errors import InvalidInputError
from zoneproof.manager import Manager, Preview
from zoneproof.manager import preview as preview_definitions
from zoneproof.manager.certificates.preview import preview_all


@click.command(cls=GroupedHelp, groups=(*DEFINITION_GROUPS, TERMS_GROUP))
@names_options
@definition_options
@certificate_name_option
@terms_options
@click.option("--all", "everything", is_flag=True, help="Preview all managed certificates.")
@authoritative_port_option
@json_flag("Print JSON, a line for each certificate.")
def preview(
    names: Sequence[str],
    domains: Sequence[str],
    certificate: str,
    everything: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Show what 'zoneproof issue' with the same arguments would do; nothing is changed.

    \b
    zoneproof preview example.com '*.example.com' --credential dns
    zoneproof preview --all

    Checks every identifier's method, names, zone and CAA, and prints the records that you have
    to create, with the name servers at which each is seen or missing. Exits with 1 if issuing would
    fail, a record is missing, or a deployment task would fail.
    """

    said = read_options(take_options(options))
    names = names_from(names, domains, said.csr)
    if everything == bool(names):
        raise InvalidInputError("name a certificate or identifiers, or give --all")
    run = run_from(options)
    request = Request(names, certificate, said)
    previews = run_with_manager(lambda manager: _previews(manager, request), run, to_read=True)
    for found in previews:
        if as_json:
            json_line(found.as_fields())
        else:
            print_preview(found, brief=everything)
    if any(found.would_fail or found.deployment for found in previews):
        raise SystemExit(1)


async def _previews(manager: Manager, request: Request) -> list[Preview]:
    if not request.names:
        return await preview_all(manager)
    wanted, _ = await request.define(manager)
    return await preview_definitions(manager, [wanted.definition], unsaved=wanted.credentials)


def print_preview(found: Preview, *, brief: bool = False) -> None:
    """Print what issuing would do, ``brief`` in a line where it would work."""
    name = found.definition.title
    if brief and not (found.would_fail or found.deployment):
        pausing = "pause for TXT records that you create, and then work"
        click.echo(f"{name}: would {pausing if found.would_pause else 'work'}")
        return
    print_preflight(found.examinations)
    click.secho(f"the certificate {name}", bold=True)
    print_rows(found.rows())
    print_findings((*found.findings, *found.deployment))
    print_awaited(found.awaited)
    if found.has_problem:
        click.secho("\nIssuing it would fail: see PROBLEM above.", fg="red")
    elif found.would_fail:
        click.secho("\nIssuing it would stop: create the records above first.", fg="red")
    elif found.deployment:
        click.secho(
            "\nIssuing it would work, its deployment would fail: see PROBLEM above.", fg="red"
        )
    elif found.would_pause:
        click.echo("\nIssuing it would pause for TXT records that you create, and then work.")
        click.echo("next: zoneproof issue, with the same arguments")
    else:
        click.echo("\nIssuing it would work, as far as can be known without the CA.")
        click.echo("next: zoneproof issue, with the same arguments")
