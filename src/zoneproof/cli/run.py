"""The ``zoneproof run`` command: a daemon that keeps certificates renewed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import click

from zoneproof.cli.events import Telling, emitters
from zoneproof.cli.options import authoritative_port_option, run_from, telling_options
from zoneproof.cli.output import json_line
from zoneproof.cli.renew import tell_renewal
from zoneproof.cli.running import run_until_done
from zoneproof.core import times
from zoneproof.core.text import count, printable
from zoneproof.manager import Home, Renewal, keep_renewed


@click.command()
@authoritative_port_option
@telling_options
def run(authoritative_port: int | None, quiet: bool, verbose: bool, as_json: bool) -> None:
    """Keep all certificates renewed until stopped; looks at least once an hour.

    SIGTERM and Ctrl-C end it, after values in the DNS were removed.
    """
    how = Telling.of(quiet=quiet, verbose=verbose, as_json=as_json)
    options = run_from(None, None, (), authoritative_port)
    run_until_done(
        keep_renewed(
            Home.find(),
            options,
            emitters(how),
            on_round=lambda results, wake: tell_round(results, wake, how),
            on_trouble=lambda text: _tell_trouble(text, how),
        )
    )


def tell_round(results: Sequence[Renewal], wake: datetime, how: Telling) -> None:
    """Print what came of a round, and when the next one is."""
    for result in results:
        tell_renewal(result, how)
    if how is Telling.JSON:
        document = {"event": "round", "certificates": len(results), "next_look": wake}
        json_line(document)
        return
    if not how.is_for_people:
        return
    looked_at = count(len(results), "certificate")
    click.echo(f"looked at {looked_at}; again at {times.at(wake)}")


def _tell_trouble(text: str, how: Telling) -> None:
    if how is Telling.JSON:
        json_line({"event": "trouble", "message": text})
    else:
        click.echo(f"zoneproof: {printable(text)}", err=True)
