"""The ``zoneproof challenge secondary`` command: the name servers of others that take the zones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.store import rows
from zoneproof.cli.challenge.database import config_option, distance, read
from zoneproof.cli.option_groups import Commands, json_option
from zoneproof.cli.output import json_document, print_table


@click.group(cls=Commands)
def secondary() -> None:
    """List the name servers that take the zones from here.

    Also while the service runs.
    """


@secondary.command("list")
@config_option
@json_option
def list_secondaries(path: Path, as_json: bool) -> None:
    """List the secondaries and how far each is.

    Each zone at each of their name servers: its serial, and how far it is behind, as seen here.
    """
    from zoneproof.challengedns.secondaries.overview import (
        SecondaryFacts,
        ask_serials,
        newest_changes,
        secondary_facts,
    )

    config = load_config(path)
    newest = read(path, lambda tx, _: newest_changes(tx))
    asked = ask_serials(config.secondaries)
    latest = read(path, lambda tx, _: rows.generation(tx))
    found = secondary_facts(config, asked, newest, latest)
    if as_json:
        json_document({"secondaries": found})
        return
    if not found:
        click.echo(f"there are no secondaries: 'secondaries' in {path}")
        return

    def row(each: SecondaryFacts) -> Sequence[str]:
        serial = "-" if each.serial is None else str(each.serial)
        how = each.problem if each.behind is None else distance(each.behind)
        return each.secondary, each.zone, each.server, serial, how

    print_table([("NAME", "ZONE", "SERVER", "SERIAL", "STATUS"), *map(row, found)])
