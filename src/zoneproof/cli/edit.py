"""The ``add``, ``edit``, ``apply``, ``revoke`` and ``remove`` commands: change what is managed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.completion import certificate_argument
from zoneproof.cli.definitions import (
    DEFINITION_GROUPS,
    certificate_name_option,
    definition_options,
    names_options,
    read_options,
    required_names,
)
from zoneproof.cli.events import tell_news, tell_warning
from zoneproof.cli.option_groups import PATH, GroupedHelp, dry_run_option, json_option
from zoneproof.cli.output import json_document, json_error, tell, tell_error
from zoneproof.cli.running import run_with_manager
from zoneproof.core.errors import ConfigError, InvalidInputError
from zoneproof.core.files import exists
from zoneproof.core.text import printable
from zoneproof.issuance import Warned
from zoneproof.manager import CertificateDefinition, Manager, default_name
from zoneproof.manager import revoke as revoke_certificate
from zoneproof.manager.certificates.apply import DefinitionPlan, carry_out, plan_changes
from zoneproof.manager.certificates.definition import unused_rules
from zoneproof.manager.certificates.definition_file import read_definitions
from zoneproof.manager.certificates.proposal import (
    apply_options,
    define,
    save,
    task_warnings,
    with_names,
)
from zoneproof.manager.certificates.removal import (
    find_removable,
    give_up_other_orders,
    remove_certificate,
)

_REASONS = (
    "unspecified",
    "key-compromise",
    "affiliation-changed",
    "superseded",
    "cessation-of-operation",
)


@click.command(cls=GroupedHelp, groups=DEFINITION_GROUPS)
@names_options
@definition_options
@certificate_name_option
@json_option
def add(
    names: Sequence[str],
    domains: Sequence[str],
    certificate: str,
    as_json: bool,
    **options: Any,
) -> None:
    """Save a certificate for NAME... without obtaining it yet.

    'zoneproof preview' shows whether it would work, 'zoneproof renew' obtains it.
    """

    async def work(manager: Manager) -> tuple[CertificateDefinition, str]:
        name = certificate or default_name(names)
        if await manager.certificates.find(name):
            raise InvalidInputError(
                f"the certificate {name} already exists: 'zoneproof edit {name}' changes it, --name"
                " gives the new one another name"
            )
        wanted, _ = await define(manager, names, name, said)
        await save(manager, wanted, None)
        await _warn(manager, None, wanted.definition)
        return wanted.definition, await _first_steps(manager, [wanted.definition])

    said = read_options(options)
    names = required_names(names, domains, said.csr)
    definition, first = run_with_manager(work)
    _tell_saved(definition, [], as_json=as_json)
    if not as_json:
        click.echo(f"next: {first}zoneproof preview {definition.name}")


@click.command(cls=GroupedHelp, groups=(("Identifiers", ("added", "removed")), *DEFINITION_GROUPS))
@certificate_argument
@click.option(
    "--add-name", "added", multiple=True, metavar="NAME", help="An identifier to add. Repeatable."
)
@click.option(
    "--remove-name", "removed", multiple=True, metavar="NAME", help="One to remove. Repeatable."
)
@click.option(
    "--discard-change",
    is_flag=True,
    help="Forget the change that is pending until it works, as any other change does, too.",
)
@definition_options
@json_option
def edit(
    name: str,
    added: Sequence[str],
    removed: Sequence[str],
    discard_change: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Change a managed certificate; the rest stays. The next renewal uses it.

    \b
    zoneproof edit example.com --add-name www.example.com
    zoneproof edit example.com --key-type ec384 --reuse-key
    """

    async def work(manager: Manager) -> tuple[CertificateDefinition, list[str], str]:
        stored = await manager.certificates.get(name)
        before = stored.definition
        wanted = await apply_options(manager, said, with_names(before, added, removed))
        if is_changed := wanted.changes(before):
            await save(manager, wanted, before, tell_news)
            await _warn(manager, before, wanted.definition)
        elif discard_change:
            await manager.certificates.discard_pending(before.name)
            await give_up_other_orders(manager, before, tell_news)
        changes = wanted.changes_of(before)
        changes += [f"the credential {name} was stored" for name in wanted.credentials]
        if stored.has_pending and (is_changed or discard_change):
            changes.append("the change that was pending is discarded")
        follows = f"next: zoneproof issue {wanted.definition.name}, or wait for its renewal"
        if not is_changed or wanted.needs_no_new_certificate(before):
            follows = ""
            if _to_be_done(wanted.definition) - _to_be_done(before):
                follows = f"next: zoneproof deploy {before.name}, or wait for the next renew"
        return wanted.definition, changes, follows

    said = read_options(options)
    definition, changes, follows = run_with_manager(work)
    _tell_saved(definition, changes or ["nothing was changed"], as_json=as_json)
    if changes and follows and not as_json:
        click.echo(follows)


@click.command()
@certificate_argument
@click.option("--delete-files", is_flag=True, help="Delete the certificate and its keys, too.")
@yes_option
@json_option
def remove(name: str, delete_files: bool, yes: bool, as_json: bool) -> None:
    """Stop managing a certificate. Its files stay unless --delete-files is given."""

    async def work(manager: Manager) -> str:
        live = manager.files.live(found)
        stay = f"; its files stay in {live}" if not delete_files and exists(live) else ""
        await remove_certificate(manager, found, tell_news, delete_files=delete_files)
        return "; its files are deleted" if delete_files else stay

    found = run_with_manager(lambda manager: find_removable(manager, name, files=delete_files))
    also = ", and delete the certificate with all its keys" if delete_files else ""
    confirm(f"Stop managing {found}{also}?", yes=yes)
    files = run_with_manager(work)
    result = {"removed": found, "files_deleted": delete_files}
    tell(result, f"{found} is no longer managed{files}", as_json=as_json)


async def _first_steps(manager: Manager, definitions: Sequence[CertificateDefinition]) -> str:
    """Return the commands that come before the next one: renewals cannot agree to a CA's terms."""
    commands = (await manager.checks.unregistered(definitions)).values()
    return "".join(f"{command}, then " for command in commands)


async def _warn(
    manager: Manager, before: CertificateDefinition | None, after: CertificateDefinition
) -> None:
    for problem in (*await task_warnings(manager, before, after), *unused_rules(after)):
        tell_warning(Warned(problem))


def _to_be_done(definition: CertificateDefinition) -> set[tuple[str, str]]:
    """Return what tells the tasks of every certificate from others."""
    return {(task.name, task.fingerprint) for task in definition.deploy if task.deploys}


def _tell_saved(
    definition: CertificateDefinition, changes: Sequence[str], *, as_json: bool
) -> None:
    if as_json:
        json_document(definition)
        return
    click.echo(f"{definition.name}: {', '.join(definition.identifiers)}")
    for change in changes:
        click.echo(f"  {printable(change)}")


@click.command()
@click.option(
    "--file",
    "-f",
    "path",
    type=PATH,
    metavar="FILE",
    required=True,
    help="What to manage, - for standard input; 'zoneproof list --toml' prints such a file.",
)
@click.option(
    "--prune", is_flag=True, help="Stop managing certificates that the file does not have."
)
@dry_run_option
@yes_option
@json_option
def apply(path: Path, dry_run: bool, prune: bool, yes: bool, as_json: bool) -> None:
    """Change the managed certificates to match a TOML file; the next renewal uses them.

    \b
    zoneproof list --toml > certs.toml
    zoneproof apply -f certs.toml --dry-run

    All of the file is checked before anything is saved. Certificates that the file does not have
    stay, unless --prune is given; files with certificates and keys always stay.
    """

    file = read_definitions(path)
    plan = run_with_manager(lambda manager: plan_changes(manager, file.definitions, prune=prune))
    _refuse(path, [*file.problems, *plan.problems], as_json=as_json)
    for warning in plan.warnings:
        tell_warning(Warned(warning))
    if not as_json:
        _tell(plan)
    if plan.changes and not dry_run:
        removed = plan.of_kind("removed")
        if removed:
            few = len(removed) <= 5  # all of them were shown above
            names = ", ".join(change.name for change in removed)
            confirm(f"Stop managing {names if few else f'{len(removed)} certificates'}?", yes=yes)
        run_with_manager(lambda manager: carry_out(manager, plan, tell_news))
    renewed = [one.after for one in plan.changes if one.after and one.after.renew]
    first = run_with_manager(lambda manager: _first_steps(manager, renewed), to_read=True)
    _tell_end(plan, first, dry_run=dry_run, as_json=as_json)


def _refuse(path: Path, problems: Sequence[str], *, as_json: bool) -> None:
    for problem in problems:
        error = ConfigError(f"{path}: {problem}")
        json_error(error) if as_json else tell_error(error)
    if problems:
        raise SystemExit(ConfigError.exit_code)


# Said before anything is done, and perhaps nothing will be.
_INTENDED = {"new": "to add", "changed": "to change", "removed": "to remove"}


def _tell(plan: DefinitionPlan) -> None:
    for change in plan.changes:
        remark = "  (its files stay)" if change.kind == "removed" else ""
        click.echo(f"{_INTENDED[change.kind]:9} {change.name}{remark}")
        for line in change.lines:
            click.echo(f"{'':9} {printable(line)}")
    if plan.unchanged:
        click.echo(f"{plan.unchanged} unchanged")


def _tell_end(plan: DefinitionPlan, first: str, *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        json_document(plan.as_fields(saved=bool(plan.changes) and not dry_run))
    elif not plan.changes:
        click.echo("nothing to change")
    elif dry_run:
        click.echo("nothing was changed: this was a dry run")
    else:
        click.echo(f"saved; next: {first}zoneproof renew")


@click.command()
@certificate_argument
@click.option(
    "--reason",
    type=click.Choice(_REASONS),
    default="unspecified",
    show_default=True,
    metavar="REASON",
    help=f"Reason, for the CA's list: {', '.join(_REASONS)}.",
)
@yes_option
@json_option
def revoke(name: str, reason: str, yes: bool, as_json: bool) -> None:
    """Revoke the certificate NAME at its CA, which cannot be undone.

    It stays managed, so the next renewal obtains another, as 'zoneproof issue NAME' does at once:
    with a new key, even if --reuse-key is on. If you want none, run 'zoneproof remove NAME' next.
    """
    definition = run_with_manager(lambda manager: manager.certificates.get(name)).definition
    name = definition.name
    confirm(f"Revoke the certificate {name}? Clients will no longer trust it.", yes=yes)
    run_with_manager(lambda manager: revoke_certificate(manager, name, reason=reason))
    also = " or the next renewal" if definition.renew else ""
    text = f"{name} is revoked; 'zoneproof issue {name}'{also} obtains another"
    tell({"revoked": name, "reason": reason}, text, as_json=as_json)
