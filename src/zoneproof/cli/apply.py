"""The ``zoneproof apply`` command: make the managed certificates those of a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.events import tell_warning
from zoneproof.cli.option_groups import PATH, dry_run_option
from zoneproof.cli.options import json_option
from zoneproof.cli.output import json_document, json_error
from zoneproof.cli.running import run_with_manager
from zoneproof.core.errors import ConfigError
from zoneproof.core.text import printable
from zoneproof.manager import Manager
from zoneproof.manager.certificates.apply import DefinitionChanges, carry_out, plan_changes
from zoneproof.manager.certificates.definition_file import read_definitions


@click.command()
@click.option(
    "--file",
    "-f",
    "path",
    type=PATH,
    metavar="FILE",
    required=True,
    help="What to manage; 'zoneproof list --toml' prints such a file.",
)
@click.option(
    "--prune", is_flag=True, help="Stop managing certificates that the file does not have."
)
@dry_run_option
@yes_option
@json_option
def apply(path: Path, dry_run: bool, prune: bool, yes: bool, as_json: bool) -> None:
    """Make the managed certificates those of a TOML file; the next renewal uses them.

    \b
    zoneproof list --toml > certs.toml
    zoneproof apply -f certs.toml --dry-run

    All of the file is checked before anything is saved. Certificates that the file does not have
    stay, unless --prune is given; files with certificates and keys always stay.
    """

    async def plan(manager: Manager) -> tuple[DefinitionChanges, list[str]]:
        problems = await manager.checks.all_problems(file.definitions)
        return await plan_changes(manager, file.definitions, prune=prune), problems

    file = read_definitions(path)
    changes, missing = run_with_manager(plan)
    _refuse(path, [*file.problems, *missing], as_json=as_json)
    if not as_json:
        _tell(changes)
    if changes.changes and not dry_run:
        removed = changes.of_kind("removed")
        if removed:
            few = len(removed) <= 5  # all of them were shown above
            names = ", ".join(change.name for change in removed)
            confirm(f"Stop managing {names if few else f'{len(removed)} certificates'}?", yes=yes)
        run_with_manager(lambda manager: carry_out(manager, changes, tell_warning))
    _tell_end(changes, dry_run=dry_run, as_json=as_json)


def _refuse(path: Path, problems: Sequence[str], *, as_json: bool) -> None:
    for problem in problems:
        error = ConfigError(f"{path}: {problem}")
        if as_json:
            json_error(error)
        else:
            click.echo(f"zoneproof: {printable(error.message)}", err=True)
    if problems:
        raise SystemExit(ConfigError.exit_code)


def _tell(changes: DefinitionChanges) -> None:
    for change in changes.changes:
        remark = "  (its files stay)" if change.kind == "removed" else ""
        click.echo(f"{change.kind:8} {change.name}{remark}")
        for line in change.lines:
            click.echo(f"         {printable(line)}")
    if changes.unchanged:
        click.echo(f"{changes.unchanged} unchanged")


def _tell_end(changes: DefinitionChanges, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        document: dict[str, object] = {
            kind: [{"name": one.name, "changes": one.lines} for one in changes.of_kind(kind)]
            for kind in ("new", "changed", "removed")
        }
        saved = bool(changes.changes) and not dry_run
        json_document({**document, "unchanged": changes.unchanged, "saved": saved})
    elif not changes.changes:
        click.echo("nothing to change")
    elif dry_run:
        click.echo("nothing was changed: this was a dry run")
    else:
        click.echo("saved; next: zoneproof renew")
