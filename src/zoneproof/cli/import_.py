"""The ``zoneproof import`` commands: take over what another program, or another home, stored."""

from __future__ import annotations

from pathlib import Path

import click

from zoneproof.cli.import_clients import acme_sh, certbot, lego
from zoneproof.cli.import_offer import offer, taking_options
from zoneproof.cli.option_groups import PATH, Commands
from zoneproof.cli.options import json_option
from zoneproof.cli.transfer import get_passphrase, passphrase_option
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import printable
from zoneproof.migration.archive import decode, of_registrations
from zoneproof.migration.registrations import read_registrations
from zoneproof.migration.sealed_file import read


@click.group("import", cls=Commands)
def import_() -> None:
    """Take over what another program, or another home of Zoneproof, stored."""


for _command in (acme_sh, certbot, lego):
    import_.add_command(_command)


@import_.command()
@click.argument("file", type=PATH)
@passphrase_option
@taking_options
@json_option
def archive(
    file: Path, passphrase: str | None, dry_run: bool, replace: bool, yes: bool, as_json: bool
) -> None:
    """Take in FILE, which 'zoneproof export' wrote.

    Shows first what would come. What is here and differs stays, unless --replace is given.
    """
    sealed = read(file)
    content = decode(sealed.open(get_passphrase(passphrase, twice=False)), str(file))
    if not as_json:
        written = f" at {times.at(content.written_at)}" if content.written_at else ""
        click.echo(printable(f"written{written} by Zoneproof {content.written_by}"))
    offer(content, dry_run=dry_run, replace=replace, yes=yes, as_json=as_json)
    for account in content.accounts:
        if account.ca_bundle and not Path(account.ca_bundle).exists():
            click.echo(
                printable(
                    f"the account {account.name} trusts the roots in {account.ca_bundle}, which"
                    " is not here: copy that file, too"
                ),
                err=True,
            )


@import_.command()
@click.argument("path", type=PATH)
@click.option(
    "--server", default="", metavar="URL", help="The service, where the files do not tell it."
)
@click.option(
    "--domain",
    default="",
    metavar="DOMAIN",
    help="The domain of a file with one registration alone.",
)
@taking_options
@json_option
def registrations(
    path: Path,
    server: str,
    domain: str,
    dry_run: bool,
    replace: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Take over other clients' acme-dns registrations.

    PATH is such a client's file or folder. It reads the files of lego, cert-manager, Caddy,
    acme-dns-client, certbot's hook and plugin, and Certify The Web. What is here and differs stays,
    unless --replace is given.
    """
    found = read_registrations(path, server=server, domain=domain)
    for problem in found.problems:
        click.echo(f"zoneproof: {printable(problem)}", err=True)
    content = of_registrations((one.domain, one.registration) for one in found.registrations)
    if not content.registrations:
        raise InvalidInputError(f"{path}: no registration was found: nothing was changed")
    offer(content, dry_run=dry_run, replace=replace, yes=yes, as_json=as_json)
    if found.problems:
        raise SystemExit(1)
