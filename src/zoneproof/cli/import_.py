"""The ``zoneproof import`` commands: take over what another program, or another home, stored."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace as changed
from pathlib import Path

import click

from zoneproof.acme import directory_url
from zoneproof.cli.option_groups import PATH, Commands, json_option, together
from zoneproof.cli.output import json_document
from zoneproof.cli.running import run_with_manager
from zoneproof.cli.transfer import (
    get_passphrase,
    is_wanted,
    offer,
    passphrase_option,
    show_items,
    taking_options,
    tell_nothing_taken,
    things_of,
)
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import exists
from zoneproof.core.text import printable
from zoneproof.manager import Manager
from zoneproof.migration.acme_sh import read_acme_sh
from zoneproof.migration.archive import Item, decode, of_registrations
from zoneproof.migration.certbot import read_certbot
from zoneproof.migration.found import Found
from zoneproof.migration.lego import read_lego
from zoneproof.migration.lego_config import config_file
from zoneproof.migration.lego_hooks import names_hooks
from zoneproof.migration.lego_settings import LegoSettings, read_env_file
from zoneproof.migration.move import leave_out, take
from zoneproof.migration.registrations import read_registrations
from zoneproof.migration.save import TakeOver, choose, compare, prepare
from zoneproof.migration.sealed_file import read


@click.group("import", cls=Commands)
def import_() -> None:
    """Import from another client, or from another home of Zoneproof."""


@import_.command()
@click.argument("file", type=PATH)
@passphrase_option
@taking_options
@json_option
def archive(file: Path, passphrase: str | None, as_json: bool, **how: bool) -> None:
    """Import FILE, which 'zoneproof export' wrote.

    Shows first what would be imported. What differs here stays, unless --replace is given.
    """
    sealed = read(file)
    content = decode(sealed.open(get_passphrase(passphrase, twice=False)), str(file))
    if not as_json:
        written = f" at {times.at(content.written_at)}" if content.written_at else ""
        click.echo(printable(f"written{written} by Zoneproof {content.written_by}"))
    offer(content, as_json=as_json, **how)
    for account in content.accounts:
        if account.ca_bundle and not exists(Path(account.ca_bundle)):
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
    "--server", default="", metavar="URL", help="The service's URL, if the files do not have it."
)
@click.option(
    "--domain",
    default="",
    metavar="DOMAIN",
    help="The domain, for a file with a single registration.",
)
@taking_options
@json_option
def registrations(path: Path, server: str, domain: str, **how: bool) -> None:
    """Import other clients' acme-dns registrations.

    PATH is such a client's file or folder. Reads the files of lego, cert-manager, Caddy,
    acme-dns-client, certbot's hook and plugin, and Certify The Web. What differs here stays, unless
    --replace is given.
    """
    found = read_registrations(path, server=server, domain=domain)
    for problem in found.problems:
        click.echo(f"zoneproof: {printable(problem)}", err=True)
    content = of_registrations((one.domain, one.registration) for one in found.registrations)
    if not content.registrations:
        raise InvalidInputError(f"{path}: no registration was found: nothing was changed")
    offer(content, **how)
    if found.problems:
        raise SystemExit(1)


_import_options = together(click.argument("path", type=PATH), taking_options, json_option)


@import_.command()
@_import_options
def certbot(path: Path, **how: bool) -> None:
    """Import what certbot keeps in PATH.

    PATH is usually /etc/letsencrypt, and is only read. Shows accounts, certificates and
    registrations first. What differs here stays, unless --replace is given. Exits with 1 if
    something could not be imported.
    """
    _take_over(
        "certbot",
        lambda: read_certbot(path),
        "turn off certbot's renewals: \"systemctl list-timers --all '*certbot*'\" names the timer"
        " to disable; without one, a line in /etc/cron.d/certbot or a crontab calls it",
        **how,
    )


@import_.command()
@click.option(
    "--ca",
    default="",
    metavar="CA",
    help="Directory URL of a CA without a short name; lego 4 stores only its host.",
)
@click.option(
    "--dns",
    "provider",
    default="",
    metavar="NAME",
    help="lego's DNS provider, as lego calls it.",
)
@click.option(
    "--env-file",
    type=PATH,
    metavar="FILE",
    help="What lego took from its environment, NAME=value on each line.  [default: the"
    " environment of this command]",
)
@_import_options
def lego(path: Path, ca: str, provider: str, env_file: Path | None, **how: bool) -> None:
    """Import what lego keeps in PATH.

    \b
    zoneproof import lego /root/.lego --dns cloudflare --env-file /etc/lego.env

    PATH is usually .lego, and is only read. Shows accounts and certificates first. What differs
    here stays, unless --replace is given. Exits with 1 if something could not be imported.
    """
    settings = read_env_file(env_file, provider) if env_file else LegoSettings(provider, os.environ)
    if env_file and not provider and not names_hooks(settings) and not config_file(path):
        raise InvalidInputError("--env-file says what a provider needs: add --dns NAME")
    _take_over(
        "lego",
        lambda: read_lego(path, directory_url=directory_url(ca) if ca else "", settings=settings),
        "turn off lego's renewals: the timer, or the line in a crontab, that calls 'lego renew'"
        " or 'lego run'",
        **how,
    )


@import_.command("acme.sh")
@_import_options
def acme_sh(path: Path, **how: bool) -> None:
    """Import what acme.sh keeps in PATH.

    PATH is usually ~/.acme.sh, and is only read. Shows accounts and certificates first. What
    differs here stays, unless --replace is given. Exits with 1 if something could not be imported.
    """
    _take_over(
        "acme.sh",
        lambda: read_acme_sh(path),
        "turn off acme.sh's renewals: 'acme.sh --uninstall-cronjob'",
        **how,
    )


def _take_over(
    client: str,
    read: Callable[[], Found],
    switch_off: str,
    *,
    dry_run: bool,
    replace: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what was found, and save it after a yes; where nobody can be asked, only show it.

    Exits with 1 if something could not be imported, also where it is only shown.
    """

    async def plan(manager: Manager) -> tuple[TakeOver, list[Item], list[Item]]:
        take_over = await prepare(manager, found)
        items = await compare(manager, take_over)
        chosen = choose(items, take_over, replacing=replace)
        wanted, clashes = await leave_out(manager, take_over.archive, chosen)
        return changed(take_over, problems=(*take_over.problems, *clashes)), items, wanted

    found = read()
    take_over, items, wanted = run_with_manager(plan, to_read=True)
    if not items:
        reasons = "; ".join(take_over.problems)
        raise InvalidInputError(reasons or f"there is nothing of {client} to import")
    if not as_json:
        show_items(items, wanted)
        for remark in (*found.notes, *take_over.problems):
            click.echo(f"zoneproof: {printable(remark)}", err=True)
    taken = is_wanted(wanted, dry_run=dry_run, yes=yes, as_json=as_json)
    if taken:
        run_with_manager(lambda manager: take(manager, take_over.archive, wanted, origin=client))
    if as_json:
        _print_json(found, take_over, items, taken=len(wanted) if taken else 0)
    elif taken:
        click.echo(f"imported {things_of(wanted)}; nothing of {client} was changed")
        click.echo("next: zoneproof preview --all")
        click.echo(f"then {switch_off}")
    else:
        tell_nothing_taken(items, wanted, dry_run=dry_run)
    if take_over.problems:
        raise SystemExit(1)


def _print_json(found: Found, take_over: TakeOver, items: Sequence[Item], *, taken: int) -> None:
    json_document(
        {
            "items": items,
            "certificates": [one.definition for one in take_over.archive.certificates],
            "notes": found.notes,
            "problems": take_over.problems,
            "taken": taken,
        }
    )
