"""The ``zoneproof challenge health`` command: for container engines and monitors."""

from __future__ import annotations

from pathlib import Path

import click

from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.runtime.health import ailments
from zoneproof.cli.challenge.database import config_option
from zoneproof.cli.options import json_option
from zoneproof.cli.output import json_document
from zoneproof.core.errors import ZoneproofError


@click.command()
@config_option
@json_option
def health(path: Path, as_json: bool) -> None:
    """Ask the running service whether it is well.

    Asks at every address of the configuration, for DNS and for the API's /health. Exits with 0 if
    all is well, else with 1 and what is not.
    """
    found = list(ailments(load_config(path)))
    if found:
        raise ZoneproofError("; ".join(found))
    if as_json:
        json_document({"well": True})
    else:
        click.echo("the service is well")
