"""The ``zoneproof add``, ``edit`` and ``remove`` commands: change what is managed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from zoneproof.cli.definition_options import definition_options
from zoneproof.cli.run_options import json_option

if TYPE_CHECKING:
    from zoneproof.manager import CertificateDefinition, Manager


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@definition_options
@click.option("--name", "certificate", default="", help="Name of the certificate.")
@json_option
def add(names: Sequence[str], certificate: str, as_json: bool, **options: Any) -> None:
    """Save a certificate for NAME... without obtaining it yet.

    'zoneproof preview' tells whether it would work, 'zoneproof renew' obtains it.
    """
    from zoneproof.cli.definitions import define, save
    from zoneproof.cli.output import telling_errors
    from zoneproof.cli.tasks import run_with_manager
    from zoneproof.errors import InvalidInputError
    from zoneproof.manager import default_name

    async def work(manager: Manager) -> CertificateDefinition:
        name = certificate or default_name(names)
        if await manager.certificates.find(name):
            raise InvalidInputError(
                f"there is a certificate {name} already: 'zoneproof edit {name}' changes it, --name"
                " gives the new one another name"
            )
        wanted = await define(manager, names, name, options)
        await save(manager, wanted)
        return wanted.definition

    with telling_errors(as_json=as_json):
        definition = run_with_manager(work)
        _tell_saved(definition, [], as_json=as_json)
        if not as_json:
            click.echo(f"next: zoneproof preview {definition.name}")


@click.command()
@click.argument("name")
@click.option("--add-name", "added", multiple=True, help="An identifier to add. Repeatable.")
@click.option("--remove-name", "removed", multiple=True, help="One to remove. Repeatable.")
@definition_options
@json_option
def edit(
    name: str, added: Sequence[str], removed: Sequence[str], as_json: bool, **options: Any
) -> None:
    """Change a managed certificate; what is not said stays. The next renewal uses it."""
    from zoneproof.cli.definition_options import apply_options
    from zoneproof.cli.definitions import save, with_names
    from zoneproof.cli.output import telling_errors
    from zoneproof.cli.tasks import run_with_manager
    from zoneproof.manager import describe_changes

    async def work(manager: Manager) -> tuple[CertificateDefinition, list[str]]:
        before = (await manager.certificates.get(name)).definition
        wanted = apply_options(with_names(before, added, removed), options)
        await save(manager, wanted)
        changes = describe_changes(before, wanted.definition)
        if wanted.credential:
            changes.append(f"the credential {wanted.credential.name} was stored")
        return wanted.definition, changes

    with telling_errors(as_json=as_json):
        definition, changes = run_with_manager(work)
        _tell_saved(definition, changes or ["nothing was changed"], as_json=as_json)
        if changes and not as_json:
            click.echo(f"next: zoneproof issue {definition.name}, or wait for its renewal")


@click.command()
@click.argument("name")
@click.option("--delete-files", is_flag=True, help="Delete the certificate and its keys, too.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(name: str, delete_files: bool, yes: bool, as_json: bool) -> None:
    """Stop managing a certificate. Its files stay unless --delete-files is given."""
    from zoneproof.cli.confirm import confirm
    from zoneproof.cli.output import json_document, telling_errors
    from zoneproof.cli.tasks import run_with_manager

    async def work(manager: Manager) -> str:
        certificate = await manager.certificates.get(name)
        folder = str(manager.files.live(certificate.name))
        with manager.home.lock(certificate.name):
            await manager.certificates.remove(certificate.name)
            await manager.history.add(certificate.name, "removed", "no longer managed")
            if delete_files:
                manager.files.remove(certificate.name)
        return folder

    with telling_errors(as_json=as_json):
        if delete_files:
            confirm(f"Delete the certificate {name} and all its keys?", yes=yes)
        folder = run_with_manager(work)
        if as_json:
            json_document({"removed": name, "files_deleted": delete_files})
        else:
            files = "its files are deleted" if delete_files else f"its files stay in {folder}"
            click.echo(f"{name} is no longer managed; {files}")


def _tell_saved(
    definition: CertificateDefinition, changes: Sequence[str], *, as_json: bool
) -> None:
    from zoneproof.cli.output import json_document
    from zoneproof.errors import printable

    if as_json:
        json_document(definition)
        return
    click.echo(f"{definition.name}: {', '.join(definition.identifiers)}")
    for change in changes:
        click.echo(f"  {printable(change)}")
