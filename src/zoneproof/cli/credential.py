"""The ``zoneproof credential`` commands: what DNS providers need to know, stored encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import click
from msgspec.structs import replace

from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.completion import credential_argument, credentials
from zoneproof.cli.credential_add import add
from zoneproof.cli.credential_fields import given_for
from zoneproof.cli.credential_test import test
from zoneproof.cli.option_groups import (
    Commands,
    dns_settings_options,
    expires_option,
    field_option,
    json_option,
)
from zoneproof.cli.options import dns_settings
from zoneproof.cli.output import json_document, print_rows, tell, tell_all
from zoneproof.cli.running import read_home, run_with_manager
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError, VaultError
from zoneproof.core.text import count, printable
from zoneproof.manager import (
    Credential,
    CredentialSummary,
    DnsSettings,
    LeftoverFacts,
    Manager,
    credential_summaries,
    credential_users,
    drop_older_keys,
    remove_credential,
    rename_credential,
    secret_fields,
)
from zoneproof.manager import rotate_key as rotate
from zoneproof.manager.credentials.expiry import parse_expiry
from zoneproof.manager.credentials.fields import require_usable

_SETTINGS = {"propagation", "propagation_timeout", "resolvers"}
_OTHER_SPELLINGS = {"propagation-timeout": "propagation_timeout", "resolver": "resolvers"}


@click.group(cls=Commands)
def credential() -> None:
    """Store and test the credentials of DNS providers, encrypted.

    Certificates refer to a credential by its name: a change applies to all that use it.
    """


@credential.command("list")
@json_option
def list_credentials(as_json: bool) -> None:
    """List the credentials, and how many certificates use each."""
    found = read_home(lambda manager: credential_summaries(manager.store))
    now = datetime.now(UTC)

    def row(one: CredentialSummary) -> Sequence[str]:
        changed, users = times.distance(one.changed_at, now), certificates(one.used_by)
        return one.name, one.provider, changed, str(one.expires or "-"), users

    tell_all(
        found,
        ("NAME", "PROVIDER", "CHANGED", "KEY EXPIRES", "USED BY"),
        row,
        if_none="no credentials yet: 'zoneproof credential add'",
        as_json=as_json,
    )


@credential.command()
@credential_argument
@json_option
def show(name: str, as_json: bool) -> None:
    """Show a credential, not its secrets, and what uses it."""

    async def read(manager: Manager) -> tuple[Credential, tuple[str, ...]]:
        found = await manager.credentials.get(name)
        return found, await credential_users(manager.store, name)

    found, users = run_with_manager(read, to_read=True)
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
    text = f"{old} is now {new}, used by {certificates(users)}"
    tell({"name": new, "used_by": users}, text, as_json=as_json)


@credential.command()
@credential_argument
@click.option("--force", is_flag=True, help="Even if certificates use it; they will fail.")
@yes_option
@json_option
def remove(name: str, force: bool, yes: bool, as_json: bool) -> None:
    """Remove a credential that no certificate uses.

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
                f"zoneproof: warning: {first}{f' and {more} more' if more else ''} may still "
                f"exist, published with {name}: a copy of its fields is kept to remove it;"
                " 'zoneproof leftover list' shows all"
            ),
            err=True,
        )
    if name in used_by and (force or not used_by[name]):  # else it is refused
        confirm(f"Remove the credential {name} and its secrets?", yes=yes)
    users = run_with_manager(lambda manager: remove_credential(manager.store, name, force=force))
    if as_json:
        json_document({"removed": name, "used_by": users, "leftovers": left})
        return
    click.echo(f"{name} is removed")
    if users:
        click.echo(f"these certificates now have no credential: {', '.join(users)}")


@credential.command("rotate-key")
@click.option(
    "--drop-old",
    is_flag=True,
    help="Make no new key; remove all but the newest, which encrypts everything.",
)
@yes_option
@json_option
def rotate_key(drop_old: bool, yes: bool, as_json: bool) -> None:
    """Encrypt every stored secret with a new vault key.

    The old key stays in the key file, for backups and for programs that still run, until
    --drop-old removes it.
    """
    if drop_old:
        confirm("Remove the older vault keys? Backups from their time need them.", yes=yes)
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
            f" {count(rotation.resealed, 'secret')} re-encrypted"
        )
        follows = "back up the key, then zoneproof credential rotate-key --drop-old"
        if rotation.elsewhere:
            follows = f"back up the keys, then remove all but the last from {rotation.elsewhere}"
        click.echo(f"next: {follows}")


@credential.command("set")
@credential_argument
@field_option
@click.option(
    "--unset",
    multiple=True,
    metavar="NAME",
    help="A field, or propagation, propagation-timeout, resolver or expires, to unset. Repeatable.",
)
@expires_option
@dns_settings_options
@json_option
def set_fields(
    name: str, fields: Sequence[str], unset: Sequence[str], expires: str, as_json: bool, **dns: Any
) -> None:
    """Change some fields or DNS settings of a credential.

    The others stay. A new key also removes the date on which the old one expires.

    Every certificate that uses the credential has the change at its next run.
    """

    async def work(manager: Manager) -> tuple[Credential, tuple[str, ...]]:
        lost: VaultError | None = None
        try:
            before = await manager.credentials.get(name)
        except VaultError as error:
            before, lost = await manager.credentials.get_emptied(name), error
        given = given_for(before.provider, fields)

        def change(found: Credential) -> Credential:
            after = _changed(found, given, settings, unset)
            if ends or secret_fields(found.provider, given) or "expires" in unset:
                after = replace(after, expires=ends)
            return after

        wanted = change(before)
        try:
            require_usable(manager, wanted.provider, wanted.fields)
        except InvalidInputError as error:
            if lost:
                raise VaultError(f"{lost.message}: {error.message}") from error
            raise
        after = await manager.credentials.change(name, change, emptied=lost is not None)
        if lost:
            text = f"zoneproof: warning: what {name} held is lost: it has only the fields given"
            click.echo(printable(text), err=True)
        return after, await credential_users(manager.store, name)

    settings, ends = dns_settings(dns), parse_expiry(expires) if expires else None
    if not fields and not unset and not expires and not any(dns.values()):
        raise InvalidInputError(
            f"say what to change in {name[:80]}: --field NAME=VALUE, --unset NAME, --expires DATE,"
            " or a DNS setting"
        )
    after, users = run_with_manager(work)
    text = f"{name} is changed, used by {certificates(users)}"
    tell(after.as_fields(), text, as_json=as_json)


def certificates(names: Sequence[str]) -> str:
    """Return how many certificates those are."""
    return count(len(names), "certificate") if names else "no certificate"


def _changed(
    found: Credential, given: dict[str, str], settings: DnsSettings, unset: Sequence[str]
) -> Credential:
    """Return the credential with the changes. Raises InvalidInputError for what is not there."""
    fields, dns = dict(found.fields), found.dns
    for text in unset:
        name = _OTHER_SPELLINGS.get(text, text)
        if name in fields:
            del fields[name]
        elif name in _SETTINGS:
            dns = replace(dns, **{name: None})
        elif name != "expires":
            raise InvalidInputError(
                f"{found.name} has no field '{text[:40]}' to unset: it has"
                f" {', '.join(found.fields) or 'none'}"
            )
    return replace(found, fields=fields | given, dns=settings.over(dns))


credential.add_command(add)
credential.add_command(test)
