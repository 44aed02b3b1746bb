"""The ``zoneproof credential`` commands: what DNS providers need to know, stored encrypted."""

from __future__ import annotations

from datetime import UTC, datetime

import click

from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.completion import credential_argument, credentials
from zoneproof.cli.credential_changes import add, certificates, set_fields, test
from zoneproof.cli.option_groups import Commands
from zoneproof.cli.options import json_option
from zoneproof.cli.output import json_document, print_rows, print_table
from zoneproof.cli.running import run_with_manager
from zoneproof.core import times
from zoneproof.core.text import count, printable
from zoneproof.manager import (
    Credential,
    CredentialSummary,
    LeftoverFacts,
    Manager,
    credential_summaries,
    credential_users,
    drop_older_keys,
    remove_credential,
    rename_credential,
)
from zoneproof.manager import rotate_key as rotate


@click.group(cls=Commands)
def credential() -> None:
    """Keep what DNS providers need to know, encrypted, and test it.

    Certificates refer to a credential by its name: a change reaches all that use it.
    """


credential.add_command(add)
credential.add_command(set_fields)
credential.add_command(test)


@credential.command("list")
@json_option
def list_credentials(as_json: bool) -> None:
    """List the credentials, and how many certificates use each."""
    found = run_with_manager(
        lambda manager: credential_summaries(manager.store), needs_secrets=False
    )
    if as_json:
        json_document(found)
        return
    if not found:
        click.echo("no credentials yet: 'zoneproof credential add'")
        return
    now = datetime.now(UTC)
    rows = [
        (one.name, one.provider, times.distance(one.changed_at, now), certificates(one.used_by))
        for one in found
    ]
    print_table(("NAME", "PROVIDER", "CHANGED", "USED BY"), rows)


@credential.command()
@credential_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a credential, not its secrets, and what uses it."""

    async def read(manager: Manager) -> tuple[Credential, tuple[str, ...]]:
        found = await manager.credentials.get(name)
        return found, await credential_users(manager.store, name)

    found, users = run_with_manager(read)
    if as_json:
        json_document({**found.as_fields(), "used_by": users})
        return
    click.secho(found.name, bold=True)
    print_rows(found.rows() | {"used by": ", ".join(users) or "no certificate"})


@credential.command()
@click.argument("old", shell_complete=credentials)
@click.argument("new")
@json_option
def rename(old: str, new: str, as_json: bool) -> None:
    """Give a credential another name.

    The certificates that use it follow.
    """
    users = run_with_manager(lambda manager: rename_credential(manager.store, old, new))
    if as_json:
        json_document({"name": new, "used_by": users})
    else:
        click.echo(f"{old} is now {new}, used by {certificates(users)}")


@credential.command()
@credential_argument
@click.option("--force", is_flag=True, help="Also if certificates use it, which then fail.")
@yes_option
@json_option
def remove(name: str, force: bool, yes: bool, as_json: bool) -> None:
    """Forget a credential that no certificate uses.

    Values that were published with it and could not be removed keep a copy of its fields, until
    they are removed or dropped with 'zoneproof leftover'.
    """

    async def look(manager: Manager) -> tuple[list[CredentialSummary], list[LeftoverFacts]]:
        overviews = await credential_summaries(manager.store)
        return overviews, await manager.leftovers.find(credential=name)

    overviews, left = run_with_manager(look)
    used_by = {one.name: one.used_by for one in overviews}
    if left:
        first, more = left[0].what, len(left) - 1
        click.echo(
            printable(
                f"zoneproof: warning: {first}{f' and {more} more' if more else ''} may still be"
                f" there, published with {name}: a copy of its fields is kept to remove it;"
                " 'zoneproof leftover list' has all"
            ),
            err=True,
        )
    if name in used_by and (force or not used_by[name]):  # else it is refused
        confirm(f"Forget the credential {name} and its secrets?", yes=yes)
    users = run_with_manager(lambda manager: remove_credential(manager.store, name, force=force))
    if as_json:
        json_document({"removed": name, "used_by": users, "leftovers": left})
        return
    click.echo(f"{name} is forgotten")
    if users:
        click.echo(f"without a credential are now: {', '.join(users)}")


@credential.command("rotate-key")
@click.option(
    "--drop-old",
    is_flag=True,
    help="Make no new key; forget all but the newest, which encrypts everything.",
)
@yes_option
@json_option
def rotate_key(drop_old: bool, yes: bool, as_json: bool) -> None:
    """Encrypt every stored secret with a new vault key.

    The old key stays in the key file, for backups and for programs that still run, until
    --drop-old removes it.
    """
    if drop_old:
        confirm("Forget the older vault keys? Backups from their time need them.", yes=yes)
        dropped = run_with_manager(drop_older_keys)
    else:
        rotation = run_with_manager(rotate)
    if as_json:
        json_document({"dropped": dropped} if drop_old else rotation)
    elif drop_old:
        click.echo(f"{count(dropped, 'older key')} dropped; the newest encrypts everything")
    else:
        click.echo(
            f"the vault key is now {rotation.key_id};"
            f" {count(rotation.resealed, 'secret')} encrypted anew"
        )
        click.echo("next: back up the key, then zoneproof credential rotate-key --drop-old")
