"""The ``zoneproof leftover`` commands: what runs published and could not remove."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import click

from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.completion import leftover_names
from zoneproof.cli.events import Telling, emitters
from zoneproof.cli.option_groups import Commands, json_option
from zoneproof.cli.output import json_document, print_rows
from zoneproof.cli.running import read_home, run_with_manager
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import count, printable
from zoneproof.manager import LeftoverFacts, Manager

_names = click.argument("names", nargs=-1, metavar="[NAME]...", shell_complete=leftover_names)


@click.group(cls=Commands)
def leftover() -> None:
    """Show what runs published and could not remove, retry, or give it up.

    Every run removes what it published. If that fails, later runs try again, after pauses from ten
    minutes to a day, and give up after 30 days.
    """


@leftover.command("list")
@json_option
def list_leftovers(as_json: bool) -> None:
    """List the TXT values and files that may still exist, and why."""
    found = read_home(lambda manager: manager.leftovers.find())
    if as_json:
        json_document(found)
        return
    if not found:
        click.echo("nothing is left over")
    now = datetime.now(UTC)
    for one in found:
        click.secho(one.what, bold=True)
        print_rows(one.rows(now))


@leftover.command()
@_names
@json_option
def retry(names: Sequence[str], as_json: bool) -> None:
    """Try now to remove all leftovers, or those of NAMEs.

    A NAME is a certificate's or a record's. Exits with 1 if something could not be removed.
    """

    async def work(manager: Manager) -> list[LeftoverFacts]:
        chosen = await manager.leftovers.find(names)
        emit_for = emitters(Telling.QUIET if as_json else Telling.NORMAL)
        await manager.leftovers.retry(sorted({one.certificate for one in chosen}), emit_for)
        return await manager.leftovers.find()

    left = run_with_manager(work)
    if as_json:
        json_document({"left": left})
    elif not left:
        click.echo("nothing is left over")
    if left:
        raise SystemExit(1)


@leftover.command()
@_names
@click.option("--all", "everything", is_flag=True, help="All leftovers.")
@yes_option
@json_option
def drop(names: Sequence[str], everything: bool, yes: bool, as_json: bool) -> None:
    """Give up the leftovers of NAMEs; shows what may still exist.

    A NAME is a certificate's or a record's. You have to remove what is dropped yourself.
    """
    if everything == bool(names):
        raise InvalidInputError("name a certificate or a record, or give --all")
    chosen = run_with_manager(lambda manager: manager.leftovers.find(names), needs_secrets=False)
    if chosen:
        confirm(f"Give up removing {count(len(chosen), 'leftover')}?", yes=yes)
    run_with_manager(lambda manager: manager.leftovers.drop(chosen), needs_secrets=False)
    if as_json:
        json_document({"dropped": chosen})
        return
    for one in chosen:
        where = f" ({one.provider})" if one.provider else ""
        click.echo(printable(f"may still exist: {one.what}{where}"))
    if not chosen:
        click.echo("nothing is left over")
