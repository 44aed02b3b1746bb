"""The ``zoneproof account`` commands: the accounts at CAs, and what binds issuance to one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec.structs import replace

from zoneproof.acme import KeyKind
from zoneproof.challenges import SOLVERS, dns01
from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.completion import account_argument, accounts, authorities
from zoneproof.cli.option_groups import PATH, Commands, Option, check_email, json_option
from zoneproof.cli.options import terms_from, terms_options
from zoneproof.cli.output import (
    STANDARD_OUTPUT,
    json_document,
    print_rows,
    tell,
    tell_all,
    write_output,
)
from zoneproof.cli.running import read_home, run_with_manager, run_with_terms
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import Identifier
from zoneproof.manager import AccountFacts, Manager, RunOptions, StoredAccount
from zoneproof.manager.accounts import changes, sharing

_KEY_KINDS: Mapping[str, KeyKind] = {
    "es256": "ES256",
    "es384": "ES384",
    "rs256": "RS256",
    "eddsa": "EdDSA",
}
_key_type_option = click.option(
    "--key-type",
    type=click.Choice(list(_KEY_KINDS)),
    metavar="TYPE",
    help=f"Type of the new key: {', '.join(_KEY_KINDS)}.",
)


def _ca_option(usual: str = "") -> Option:
    return click.option(
        "--ca",
        "--directory",
        "ca",
        default="",
        metavar="CA",
        shell_complete=authorities,
        help=f"A CA's short name or directory URL.{usual}",
    )


@click.group(cls=Commands)
def account() -> None:
    """Register and manage the accounts at CAs, also several at one CA."""


@account.command()
@_ca_option("  [default: that of settings.toml, else letsencrypt]")
@click.option(
    "--name", default="", metavar="NAME", help="Name of the account.  [default: the CA's]"
)
@_key_type_option
@terms_options
@json_option
def register(ca: str, name: str, key_type: str | None, as_json: bool, **options: Any) -> None:
    """Register an account. One that is already registered stays, with another --ca-bundle if given.

    The CA's terms of service are shown; on a terminal you are asked whether you agree to them.
    """

    async def work(manager: Manager) -> tuple[changes.RegisteredAccount, str]:
        registered = await changes.register(manager, ca, name)
        if not registered.new:
            return registered, ""
        async with manager.clients.use(registered.account.name) as client:
            return registered, (await client.directory()).terms_of_service

    terms = terms_from(options)
    if key_type:
        terms = replace(terms, key_kind=_KEY_KINDS[key_type])
    registered, agreed_to = run_with_terms(work, RunOptions(terms=terms), ask=not as_json)
    if as_json:
        facts = registered.account.facts.as_fields()
        json_document({**facts, "new": registered.new, "terms_of_service": agreed_to})
        return
    click.echo(registered.text)
    more = {"agreed to": agreed_to} if agreed_to else {}
    print_rows(registered.account.facts.rows() | more)


@account.command("list")
@json_option
def list_accounts(as_json: bool) -> None:
    """List the accounts; keys are never shown."""
    found = [one.facts for one in read_home(lambda manager: manager.accounts.all())]

    def row(one: AccountFacts) -> Sequence[str]:
        url = one.account_url or "not registered"
        return one.name, one.ca, one.key_type or "cannot be opened", one.contact_text or "-", url

    tell_all(
        found,
        ("NAME", "CA", "KEY", "CONTACT", "ACCOUNT URL"),
        row,
        if_none="no accounts yet: 'zoneproof account register'",
        as_json=as_json,
    )


@account.command()
@account_argument
@click.option("--offline", is_flag=True, help="Do not ask the CA.")
@json_option
def show(name: str, offline: bool, as_json: bool) -> None:
    """Show an account, its status at the CA, and what uses it."""

    found = run_with_manager(
        lambda manager: changes.details(manager, name, ask_ca=not offline),
        needs_secrets=False,
        to_read=True,
    )
    if as_json:
        json_document(found.as_fields())
        return
    click.secho(found.facts.name, bold=True)
    print_rows(found.rows())


@account.command()
@account_argument
@click.option(
    "--email",
    "emails",
    multiple=True,
    required=True,
    metavar="ADDRESS",
    callback=check_email,
    help="Its new contact. Repeatable.",
)
@json_option
def update(name: str, emails: Sequence[str], as_json: bool) -> None:
    """Replace an account's contacts, at the CA and here."""

    async def work(manager: Manager) -> StoredAccount:
        found = await manager.accounts.get(name)
        return await changes.update_contact(manager.accounts, manager.clients, found, emails)

    facts = run_with_manager(work).facts
    text = f"the contact of {facts.name} is now {', '.join(emails)}"
    tell(facts, text, as_json=as_json)


@account.command()
@account_argument
@click.option("--force", is_flag=True, help="Even if certificates use it; they will fail.")
@yes_option
@json_option
def remove(name: str, force: bool, yes: bool, as_json: bool) -> None:
    """Remove an account and its key here; the CA is not notified."""
    found, users = _with_users(name)
    if force or not users:  # else it is refused
        confirm(f"Remove the account {found.name} and its key for good?", yes=yes)
    users = run_with_manager(
        lambda manager: changes.remove(manager, found, force=force), needs_secrets=False
    )
    if as_json:
        json_document({"removed": found.name, "used_by": users})
        return
    click.echo(f"the account {found.name} is removed here; it still exists at its CA")
    if users:
        click.echo(f"these certificates now have no account: {', '.join(users)}", err=True)


def _with_users(name: str) -> tuple[StoredAccount, list[str]]:
    """Return the account, and the certificates that use it."""

    async def read(manager: Manager) -> tuple[StoredAccount, list[str]]:
        found = await manager.accounts.get(name)
        return found, await changes.certificates_using(manager, found)

    return run_with_manager(read, needs_secrets=False)


@account.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--account",
    "name",
    default="",
    metavar="NAME",
    shell_complete=accounts,
    help="The account.  [default: that of settings.toml]",
)
@click.option(
    "--method",
    "methods",
    type=click.Choice(sorted(SOLVERS)),
    multiple=True,
    default=(dns01.TYPE,),
    show_default=True,
    help="A method that may validate, and no other. Repeatable.",
)
@json_option
def caa(names: Sequence[str], name: str, methods: Sequence[str], as_json: bool) -> None:
    """Print CAA records that bind issuance to an account.

    With them only this account, by this method, obtains certificates. One is for names, one for
    wildcards, both in zone-file form. NAME... are domains; the records also apply to all names
    below them.
    """

    async def work(manager: Manager) -> tuple[StoredAccount, str, list[str]]:
        found = await manager.accounts.get(name or manager.settings.account)
        return found, *await changes.caa_records(manager.directories, found, domains, method)

    method = ",".join(dict.fromkeys(methods))
    identifiers = [Identifier.parse(text) for text in names]
    for identifier in identifiers:
        if identifier.type != "dns":
            raise InvalidInputError(f"{identifier} is an IP address, which has no CAA records")
    domains = list(dict.fromkeys(identifier.domain for identifier in identifiers))
    found, issuer, records = run_with_manager(work)
    if as_json:
        document = {"account": found.name, "account_url": found.account_url}
        json_document({**document, "issuer": issuer, "method": method, "records": records})
        return
    for record in records:
        click.echo(record)


@account.command()
@account_argument
@_key_type_option
@json_option
def rollover(name: str, key_type: str | None, as_json: bool) -> None:
    """Give an account a new key; the old one stops working.

    The new one is of the same type unless --key-type says another. If it is interrupted, run it
    again: it asks the CA which key it has, and continues.
    """
    kind = _KEY_KINDS[key_type] if key_type else None
    changed = run_with_manager(lambda manager: changes.roll_over(manager, name, kind))
    text = f"the account {changed.name} has a new key ({changed.facts.key_type})"
    tell(changed.facts, text, as_json=as_json)


@account.command()
@account_argument
@yes_option
@json_option
def deactivate(name: str, yes: bool, as_json: bool) -> None:
    """Close an account at its CA for good, and remove it here.

    Certificates that it obtained stay valid, but it can no longer renew or revoke any.
    """
    found, users = _with_users(name)
    if users and not as_json:
        click.echo(f"these certificates use {found.name}: {', '.join(users)}", err=True)
    confirm(f"Close the account {found.name} for good?", yes=yes)
    run_with_manager(lambda manager: changes.deactivate(manager, found.name))
    tell(
        {"deactivated": found.name, "used_by": users},
        f"the account {found.name} is closed for good, and removed here",
        as_json=as_json,
    )


@account.command("import")
@click.argument("name", required=False, default="")
@_ca_option()
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
    """Import an account by its key.

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
    run = RunOptions(terms=terms_from(options))
    imported, new = run_with_terms(work, run, ask=not as_json)
    if as_json:
        json_document({**imported.facts.as_fields(), "new": new})
        return
    was = "is imported" if new else "already exists; nothing was changed"
    click.echo(f"the account {imported.name} {was}")
    print_rows(imported.facts.rows())


@account.command()
@account_argument
@click.option(
    "--output",
    "-o",
    type=PATH,
    metavar="FILE",
    required=True,
    help="File to create, readable by you only; - to print.",
)
@json_option
def export(name: str, output: Path, as_json: bool) -> None:
    """Write an account and its key to a file.

    'zoneproof account import --from FILE' imports it on another machine. Whoever has the file has
    the account: copy it securely, then delete it.
    """
    found = run_with_manager(lambda manager: manager.accounts.get(name), to_read=True)
    content = sharing.to_file(found)
    write_output(output, content, as_json=as_json)
    if output == STANDARD_OUTPUT:
        return
    tell(
        {"exported": found.name, "file": str(output)},
        f"{output} holds the account {found.name} and its key, readable by you only",
        as_json=as_json,
    )
