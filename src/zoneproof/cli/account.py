"""The ``zoneproof account`` commands: the accounts at CAs, and what binds issuance to one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import click

from zoneproof.cli.account_keys import (
    KEY_KINDS,
    deactivate,
    export,
    import_command,
    key_type_option,
    rollover,
)
from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.completion import account_argument, accounts, authorities
from zoneproof.cli.option_groups import Commands
from zoneproof.cli.options import json_option, terms_from, terms_options
from zoneproof.cli.output import json_document, print_rows, print_table
from zoneproof.cli.running import run_with_manager, run_with_terms
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import Identifier
from zoneproof.manager import Manager, RunOptions, StoredAccount
from zoneproof.manager.accounts import changes


@click.group(cls=Commands)
def account() -> None:
    """Register and change the accounts at CAs; several at one CA if need be."""


@account.command()
@click.option(
    "--ca",
    "--directory",
    "ca",
    default="",
    metavar="CA",
    shell_complete=authorities,
    help="A CA's short name or directory URL.  [default: that of settings.toml, else letsencrypt]",
)
@click.option(
    "--name", default="", metavar="NAME", help="Name of the account.  [default: the CA's]"
)
@key_type_option
@terms_options
@json_option
def register(ca: str, name: str, key_type: str | None, as_json: bool, **options: Any) -> None:
    """Register an account. One that is registered already stays as it is.

    The CA's terms of service are shown; on a terminal you are asked whether you agree to them.
    """

    async def work(manager: Manager) -> tuple[StoredAccount, bool, str]:
        registered, new = await changes.register(manager, ca, name)
        if not new:
            return registered, new, ""
        async with manager.clients.use(registered.name) as client:
            return registered, new, (await client.directory()).terms_of_service

    terms = terms_from(**options)
    if key_type:
        terms = replace(terms, key_kind=KEY_KINDS[key_type])
    registered, new, agreed_to = run_with_terms(work, RunOptions(terms=terms), ask=not as_json)
    if as_json:
        facts = registered.facts.as_fields()
        json_document({**facts, "new": new, "terms_of_service": agreed_to})
        return
    was = "is registered" if new else "was registered already, and nothing was changed"
    click.echo(f"the account {registered.name} {was}")
    more = {"agreed to": agreed_to} if agreed_to else {}
    print_rows(registered.facts.rows() | more)


@account.command("list")
@json_option
def list_accounts(as_json: bool) -> None:
    """List the accounts; keys are never shown."""
    found = [one.facts for one in run_with_manager(lambda manager: manager.accounts.all())]
    if as_json:
        json_document(found)
        return
    if not found:
        click.echo("no accounts yet: 'zoneproof account register'")
        return
    rows = [
        (
            one.name,
            one.ca,
            one.key_type,
            one.contact_text or "-",
            one.account_url or "not registered",
        )
        for one in found
    ]
    print_table(("NAME", "CA", "KEY", "CONTACT", "ACCOUNT URL"), rows)


@account.command()
@account_argument
@click.option("--offline", is_flag=True, help="Do not ask the CA.")
@json_option
def show(name: str, offline: bool, as_json: bool) -> None:
    """Show an account, its status at the CA, and what uses it."""

    found = run_with_manager(lambda manager: changes.details(manager, name, ask_ca=not offline))
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
    help="Its new contact. Repeatable.",
)
@json_option
def update(name: str, emails: Sequence[str], as_json: bool) -> None:
    """Replace an account's contacts, at the CA and here."""

    async def work(manager: Manager) -> StoredAccount:
        found = await manager.accounts.get(name)
        return await changes.update_contact(manager.accounts, manager.clients, found, emails)

    facts = run_with_manager(work).facts
    if as_json:
        json_document(facts)
    else:
        click.echo(f"the contact of {facts.name} is now {', '.join(emails)}")


@account.command()
@account_argument
@click.option("--force", is_flag=True, help="Also if certificates use it, which then fail.")
@yes_option
@json_option
def remove(name: str, force: bool, yes: bool, as_json: bool) -> None:
    """Forget an account and its key here; the CA is not told."""

    async def read(manager: Manager) -> tuple[StoredAccount, list[str]]:
        found = await manager.accounts.get(name)
        return found, await changes.certificates_using(manager, found)

    found, users = run_with_manager(read)
    if force or not users:  # else it is refused
        confirm(f"Forget the account {found.name} and its key for good?", yes=yes)
    users = run_with_manager(lambda manager: changes.remove(manager, found, force=force))
    if as_json:
        json_document({"removed": found.name, "used_by": users})
        return
    click.echo(f"the account {found.name} is forgotten here; at its CA it stays")
    if users:
        click.echo(f"these certificates lack an account now: {', '.join(users)}", err=True)


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
    type=click.Choice(["dns-01", "http-01"]),
    default="dns-01",
    show_default=True,
    help="The only method that may validate.",
)
@json_option
def caa(names: Sequence[str], name: str, method: str, as_json: bool) -> None:
    """Print CAA records that bind issuance to an account.

    With them only this account, by this method, obtains certificates. One is for names, one for
    wildcards, both in zone-file form. NAME... are domains; the records also hold for what is below
    them.
    """

    async def work(manager: Manager) -> tuple[StoredAccount, str, list[str]]:
        found = await manager.accounts.get(name or manager.settings.account)
        return found, *await changes.caa_records(manager.directories, found, domains, method)

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


account.add_command(rollover)
account.add_command(deactivate)
account.add_command(import_command)
account.add_command(export)
