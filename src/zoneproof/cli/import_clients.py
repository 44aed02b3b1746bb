"""The ``zoneproof import certbot``, ``lego`` and ``acme.sh`` commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from zoneproof.acme import directory_url
from zoneproof.cli.import_offer import (
    is_wanted,
    show_items,
    taking_options,
    tell_nothing_taken,
    things_of,
)
from zoneproof.cli.option_groups import PATH, F, add_options
from zoneproof.cli.options import json_option
from zoneproof.cli.output import json_document
from zoneproof.cli.running import run_with_manager
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import printable
from zoneproof.manager import Manager
from zoneproof.migration.acme_sh import read_acme_sh
from zoneproof.migration.archive import Item
from zoneproof.migration.certbot import read_certbot
from zoneproof.migration.found import Found
from zoneproof.migration.lego import read_lego
from zoneproof.migration.move import take
from zoneproof.migration.save import TakeOver, choose, compare, prepare


def _import_options(command: F) -> F:
    path = click.argument("path", type=PATH)
    return add_options(command, (path, taking_options, json_option))


@click.command()
@_import_options
def certbot(path: Path, dry_run: bool, replace: bool, yes: bool, as_json: bool) -> None:
    """Take over what certbot keeps in PATH.

    PATH is usually /etc/letsencrypt, and is only read. Shows accounts, certificates and
    registrations first. What is here and differs stays, unless --replace is given. Exits with 1 if
    something could not be taken over.
    """
    _take_over(
        "certbot",
        lambda: read_certbot(path),
        "switch certbot's renewals off: \"systemctl list-timers --all '*certbot*'\" names the timer"
        " to disable; without one, a line in /etc/cron.d/certbot or a crontab calls it",
        dry_run=dry_run,
        replacing=replace,
        yes=yes,
        as_json=as_json,
    )


@click.command()
@click.option(
    "--ca",
    default="",
    metavar="CA",
    help="Directory URL of a CA without a short name, of which lego 4 keeps the host alone.",
)
@_import_options
def lego(path: Path, ca: str, dry_run: bool, replace: bool, yes: bool, as_json: bool) -> None:
    """Take over what lego keeps in PATH.

    PATH is usually .lego, and is only read. Shows accounts and certificates first. What is here and
    differs stays, unless --replace is given. Exits with 1 if something could not be taken over.
    """
    _take_over(
        "lego",
        lambda: read_lego(path, directory_url=directory_url(ca) if ca else ""),
        "switch lego's renewals off: the timer, or the line in a crontab, that calls 'lego renew'"
        " or 'lego run'",
        dry_run=dry_run,
        replacing=replace,
        yes=yes,
        as_json=as_json,
    )


@click.command("acme.sh")
@_import_options
def acme_sh(path: Path, dry_run: bool, replace: bool, yes: bool, as_json: bool) -> None:
    """Take over what acme.sh keeps in PATH.

    PATH is usually ~/.acme.sh, and is only read. Shows accounts and certificates first. What is
    here and differs stays, unless --replace is given. Exits with 1 if something could not be taken
    over.
    """
    _take_over(
        "acme.sh",
        lambda: read_acme_sh(path),
        "switch acme.sh's renewals off: 'acme.sh --uninstall-cronjob'",
        dry_run=dry_run,
        replacing=replace,
        yes=yes,
        as_json=as_json,
    )


def _take_over(
    client: str,
    read: Callable[[], Found],
    switch_off: str,
    *,
    dry_run: bool,
    replacing: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Show what was found, and save it after a yes; where nobody can be asked, only show it."""

    async def plan(manager: Manager) -> tuple[TakeOver, list[Item]]:
        take_over = await prepare(manager, found)
        return take_over, await compare(manager, take_over)

    found = read()
    take_over, items = run_with_manager(plan)
    if not items:
        reasons = "; ".join(take_over.problems)
        raise InvalidInputError(reasons or f"there is nothing of {client} to take over")
    wanted = choose(items, take_over, replacing=replacing)
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
        click.echo(f"took over {things_of(wanted)}; nothing of {client} was changed")
        click.echo("next: zoneproof preview --all")
        click.echo(f"then {switch_off}")
    else:
        tell_nothing_taken(items, wanted, dry_run=dry_run)
    if take_over.problems and not dry_run and (taken or not wanted):
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
