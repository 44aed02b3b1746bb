"""The ``zoneproof revoke`` command."""

from __future__ import annotations

import click

from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.completion import certificate_argument
from zoneproof.cli.options import json_option
from zoneproof.cli.output import json_document
from zoneproof.cli.running import run_with_manager
from zoneproof.manager import revoke as revoke_certificate

_REASONS = (
    "unspecified",
    "key-compromise",
    "affiliation-changed",
    "superseded",
    "cessation-of-operation",
)


@click.command()
@certificate_argument
@click.option(
    "--reason",
    type=click.Choice(_REASONS),
    default="unspecified",
    show_default=True,
    metavar="REASON",
    help=f"Why, for the CA's list: {', '.join(_REASONS)}.",
)
@yes_option
@json_option
def revoke(name: str, reason: str, yes: bool, as_json: bool) -> None:
    """Revoke the certificate NAME at its CA, which cannot be undone.

    It stays managed, so the next renewal obtains another, as 'zoneproof issue NAME' does at once:
    with a new key, also if --reuse-key is on. If none is wanted, 'zoneproof remove NAME' next.
    """
    definition = run_with_manager(lambda manager: manager.certificates.get(name)).definition
    name = definition.name
    confirm(f"Revoke the certificate {name}? Everybody will distrust it.", yes=yes)
    run_with_manager(lambda manager: revoke_certificate(manager, name, reason=reason))
    if as_json:
        json_document({"revoked": name, "reason": reason})
    else:
        also = " or the next renewal" if definition.renew else ""
        click.echo(f"{name} is revoked; 'zoneproof issue {name}'{also} obtains another")
