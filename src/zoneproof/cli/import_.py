"""The ``zoneproof import`` commands: take over what another program, or another home, stored."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneproof.cli.run_options import json_option
from zoneproof.cli.transfer import passphrase_option

if TYPE_CHECKING:
    from zoneproof.manager import Manager
    from zoneproof.manager.archive import Archive, Item


@click.group("import")
def import_() -> None:
    """Take over what another program, or another home of Zoneproof, stored."""


@import_.command()
@click.argument("file", type=click.Path(path_type=Path))
@passphrase_option
@click.option("--dry-run", is_flag=True, help="Show what would come, and change nothing.")
@click.option("--replace", is_flag=True, help="Replace what is here and differs.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def archive(
    file: Path, passphrase: str | None, dry_run: bool, replace: bool, yes: bool, as_json: bool
) -> None:
    """Take in FILE, which 'zoneproof export' wrote; first show what would come.

    What is here and differs stays, unless --replace is given.
    """
    from zoneproof.cli.confirm import confirm
    from zoneproof.cli.output import telling_errors
    from zoneproof.cli.tasks import run_with_manager
    from zoneproof.cli.transfer import get_passphrase
    from zoneproof.manager.archive import decode
    from zoneproof.manager.sealed_file import read
    from zoneproof.manager.transfer import plan_import, take

    async def plan(manager: Manager) -> list[Item]:
        return await plan_import(manager, content)

    with telling_errors(as_json=as_json):
        sealed = read(file)
        content = decode(sealed.open(get_passphrase(passphrase, twice=False)), str(file))
        items = run_with_manager(plan)
        wanted = [
            item for item in items if item.status == "new" or (item.status == "differs" and replace)
        ]
        if not as_json:
            _tell(content, items, replace=replace)
        if wanted and not dry_run:
            confirm(_question(wanted), yes=yes)
            run_with_manager(lambda manager: take(manager, content, wanted))
        _tell_end(items, wanted, dry_run=dry_run, as_json=as_json)


def _question(wanted: Sequence[Item]) -> str:
    replaced = sum(item.status == "differs" for item in wanted)
    also = f", of which {replaced} replace what is here" if replaced else ""
    return f"Take {_things(len(wanted))}{also}?"


def _things(count: int) -> str:
    return "1 thing" if count == 1 else f"{count} things"


def _tell(content: Archive, items: Sequence[Item], *, replace: bool) -> None:
    from zoneproof.errors import printable

    click.echo(f"written {content.written_at} by Zoneproof {printable(content.written_by)}")
    for item in items:
        remark = ""
        if item.status == "differs":
            remark = "  (is replaced)" if replace else "  (stays as it is here)"
        click.echo(f"{item.status:8} {item.kind:12} {printable(item.name)}{remark}")
        for line in item.lines:
            click.echo(f"{'':21} {printable(line)}")
    for account in content.accounts:
        if account.ca_bundle and not Path(account.ca_bundle).exists():
            click.echo(
                f"the account {account.name} trusts the roots in {account.ca_bundle}, which is not"
                " here: copy that file, too",
                err=True,
            )


def _tell_end(
    items: Sequence[Item], wanted: Sequence[Item], *, dry_run: bool, as_json: bool
) -> None:
    from zoneproof.cli.output import json_document

    if as_json:
        json_document({"items": items, "taken": 0 if dry_run else len(wanted)})
    elif dry_run:
        click.echo("nothing was changed: this was a dry run")
    elif wanted:
        click.echo(f"took {_things(len(wanted))}; next: zoneproof list")
    elif any(item.status == "differs" for item in items):
        click.echo("nothing was taken: --replace takes the archive's in place of what differs here")
    else:
        click.echo("nothing was taken: all of it is here already")
