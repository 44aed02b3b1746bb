"""The ``zoneproof run`` command: a daemon that keeps certificates renewed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import click

from zoneproof import moments
from zoneproof.cli.run_options import authoritative_port_option, json_events_option

if TYPE_CHECKING:
    from zoneproof.manager import Renewal


@click.command()
@authoritative_port_option
@json_events_option
def run(authoritative_port: int | None, as_json: bool) -> None:
    """Keep all certificates renewed until stopped; looks at least once an hour.

    SIGTERM and Ctrl-C end it, after values in the DNS were removed.
    """
    from zoneproof.cli.renew import emitters
    from zoneproof.cli.run_options import run_from
    from zoneproof.cli.tasks import run_until_done
    from zoneproof.manager import Home, keep_renewed

    options = run_from(None, None, (), authoritative_port)
    run_until_done(
        keep_renewed(
            Home.find(),
            options,
            emitters(as_json=as_json),
            on_round=lambda results, wake: tell_round(results, wake, as_json=as_json),
            on_trouble=lambda text: _tell_trouble(text, as_json=as_json),
        )
    )


def tell_round(results: Sequence[Renewal], wake: datetime, *, as_json: bool) -> None:
    """Print what came of a round, and when the next one is."""
    from zoneproof.cli.json_output import json_line
    from zoneproof.cli.renew import tell_renewal
    from zoneproof.cli.text_output import count

    for result in results:
        tell_renewal(result, as_json=as_json)
    if as_json:
        document = {"event": "round", "certificates": len(results), "next_look": wake}
        json_line(document)
        return
    looked_at = count(len(results), "certificate")
    click.echo(f"looked at {looked_at}; again at {moments.at(wake)}")


def _tell_trouble(text: str, *, as_json: bool) -> None:
    from zoneproof.cli.json_output import json_line
    from zoneproof.errors import printable

    if as_json:
        json_line({"event": "trouble", "message": text})
    else:
        click.echo(f"zoneproof: {printable(text)}", err=True)
