"""The ``zoneproof account`` commands that change or carry keys: roll over, close, share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from zoneproof.acme import KeyKind
from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.completion import account_argument, authorities
from zoneproof.cli.option_groups import PATH
from zoneproof.cli.options import json_option, terms_from, terms_options
from zoneproof.cli.output import json_document, print_rows
from zoneproof.cli.running import run_with_manager, run_with_terms
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.files import write_new
from zoneproof.manager import Manager, RunOptions, StoredAccount
from zoneproof.manager.accounts import changes, sharing

KEY_KINDS: Mapping[str, KeyKind] = {
    "es256": "ES256",
    "es384": "ES384",
    "rs256": "RS256",
    "eddsa": "EdDSA",
}
key_type_option = click.option(
    "--key-type",
    type=click.Choice(list(KEY_KINDS)),
    metavar="TYPE",
    help=f"Type of the new key: {', '.join(KEY_KINDS)}.",
)


@click.command()
@account_argument
@key_type_option
@json_option
def rollover(name: str, key_type: str | None, as_json: bool) -> None:
    """Give an account a new key; the old one is worthless then.

    The new one is of the same type unless --key-type says another. If it is cut off, run it again:
    it finds out which key the CA has, and goes on.
    """
    kind = KEY_KINDS[key_type] if key_type else None
    changed = run_with_manager(lambda manager: changes.roll_over(manager, name, kind))
    if as_json:
        json_document(changed.facts)
    else:
        click.echo(f"the account {changed.name} has a new key ({changed.facts.key_type})")


@click.command()
@account_argument
@yes_option
@json_option
def deactivate(name: str, yes: bool, as_json: bool) -> None:
    """Close an account at its CA for good, and forget it here.

    Certificates that it obtained stay valid; nobody can renew or revoke with it any more.
    """

    async def read(manager: Manager) -> tuple[StoredAccount, list[str]]:
        found = await manager.accounts.get(name)
        return found, await changes.certificates_using(manager, found)

    found, users = run_with_manager(read)
    if users and not as_json:
        click.echo(f"these certificates use {found.name}: {', '.join(users)}", err=True)
    confirm(f"Close the account {found.name} for good?", yes=yes)
    run_with_manager(lambda manager: changes.deactivate(manager, found.name))
    if as_json:
        json_document({"deactivated": found.name, "used_by": users})
    else:
        click.echo(f"the account {found.name} is closed for good, and forgotten here")


@click.command("import")
@click.argument("name", required=False, default="")
@click.option(
    "--ca",
    "--directory",
    "ca",
    default="",
    metavar="CA",
    shell_complete=authorities,
    help="A CA's short name or directory URL.",
)
@click.option("--key", "key_file", type=PATH, metavar="FILE", help="PEM or JWK file.")
@click.option(
    "--from",
    "account_file",
    type=PATH,
    metavar="FILE",
    help="File of 'zoneproof account export', instead of --ca and --key.",
)
@click.option("--register", is_flag=True, help="Register the key if the CA does not know it.")
@terms_options
@json_option
def import_command(
    name: str,
    ca: str,
    key_file: Path | None,
    account_file: Path | None,
    register: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Take over an account by its key.

    It is stored as NAME, or under the CA's name. The CA must know the key, unless --register is
    given. The key file can be certbot's private_key.json, lego's .key, acme.sh's account.key, or
    any other unencrypted PEM or JSON Web Key.
    """

    async def work(manager: Manager) -> tuple[StoredAccount, bool]:
        return await sharing.import_account(
            manager, key, ca, name, contact=contact, register=register
        )

    contact: tuple[str, ...] = ()
    if account_file and not (ca or key_file):
        shared = sharing.read_account_file(account_file)
        key, ca, contact = shared.key, shared.directory_url, shared.contact
        name = name or shared.name
    elif key_file and ca and not account_file:
        key = sharing.read_account_key(key_file)
    else:
        raise InvalidInputError("give --ca and --key, or --from alone")
    run = RunOptions(terms=terms_from(**options))
    imported, new = run_with_terms(work, run, ask=not as_json)
    if as_json:
        json_document({**imported.facts.as_fields(), "new": new})
        return
    was = "is imported" if new else "was here already, and nothing was changed"
    click.echo(f"the account {imported.name} {was}")
    print_rows(imported.facts.rows())


@click.command()
@account_argument
@click.option(
    "--output",
    "-o",
    metavar="FILE",
    required=True,
    help="File to create, for you alone; - to print.",
)
@json_option
def export(name: str, output: str, as_json: bool) -> None:
    """Write an account and its key to a file.

    'zoneproof account import --from' takes it in on another machine. Whoever has the file has the
    account: carry it over a safe way, then delete it.
    """
    found = run_with_manager(lambda manager: manager.accounts.get(name))
    content = sharing.to_file(found)
    if output == "-":
        click.echo(content, nl=False)
        return
    write_new(Path(output), content)
    if as_json:
        json_document({"exported": found.name, "file": output})
    else:
        click.echo(f"{output} holds the account {found.name} and its key, readable by you only")
