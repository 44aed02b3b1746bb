"""Shows what an import would bring, asks, and takes it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from zoneproof.cli.option_groups import F, add_options

if TYPE_CHECKING:
    from zoneproof.manager.transfer.archive import Archive, Item

_OPTIONS = (
    click.option("--dry-run", is_flag=True, help="Show what would come, and change nothing."),
    click.option("--replace", is_flag=True, help="Replace what is here and differs."),
    click.option("--yes", is_flag=True, help="Do not ask."),
)


def taking_options(command: F) -> F:
    """Add the options of an import to a command."""
    return add_options(command, _OPTIONS)


def offer(content: Archive, *, dry_run: bool, replace: bool, yes: bool, as_json: bool) -> None:
    """Show everything in ``content``, and take what is new after a yes.

    With ``replace`` also what differs here.
    """
    from zoneproof.cli.confirm import confirm
    from zoneproof.cli.tasks import run_with_manager
    from zoneproof.manager.transfer.move import plan_import, take

    items = run_with_manager(lambda manager: plan_import(manager, content))
    wanted = [
        item for item in items if item.status == "new" or (item.status == "differs" and replace)
    ]
    if not as_json:
        _tell(items, replace=replace)
    if wanted and not dry_run:
        confirm(_question(wanted), yes=yes)
        run_with_manager(lambda manager: take(manager, content, wanted))
    _tell_end(items, wanted, dry_run=dry_run, as_json=as_json)


def _question(wanted: Sequence[Item]) -> str:
    from zoneproof.cli.output import count

    replaced = sum(item.status == "differs" for item in wanted)
    also = f", of which {replaced} replace what is here" if replaced else ""
    return f"Take {count(len(wanted), 'thing')}{also}?"


def _tell(items: Sequence[Item], *, replace: bool) -> None:
    from zoneproof.errors import printable

    for item in items:
        remark = ""
        if item.status == "differs":
            remark = "  (is replaced)" if replace else "  (stays as it is here)"
        click.echo(f"{item.status:8} {item.kind:12} {printable(item.name)}{remark}")
        for line in item.lines:
            click.echo(f"{'':21} {printable(line)}")


def _tell_end(
    items: Sequence[Item], wanted: Sequence[Item], *, dry_run: bool, as_json: bool
) -> None:
    from zoneproof.cli.json_output import json_document
    from zoneproof.cli.output import count

    if as_json:
        json_document({"items": items, "taken": 0 if dry_run else len(wanted)})
    elif dry_run:
        click.echo("nothing was changed: this was a dry run")
    elif wanted:
        click.echo(f"took {count(len(wanted), 'thing')}; next: zoneproof list")
    elif any(item.status == "differs" for item in items):
        click.echo("nothing was taken: --replace takes it in place of what differs here")
    else:
        click.echo("nothing was taken: all of it is here already")
