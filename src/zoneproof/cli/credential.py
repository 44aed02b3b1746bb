"""The ``zoneproof credential`` commands: what DNS providers need to know, stored encrypted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import click
import msgspec

from zoneproof.cli.asking import confirm, somebody_is_there, yes_option
from zoneproof.cli.completion import credential_argument, credentials, providers
from zoneproof.cli.credential_fields import ask_for_rest, given_fields, require_all
from zoneproof.cli.events import Lines
from zoneproof.cli.option_groups import (
    DNS_SETTINGS,
    Commands,
    F,
    add_options,
    field_option,
    json_option,
)
from zoneproof.cli.options import dns_options, run_from
from zoneproof.cli.output import json_document, print_rows, print_table
from zoneproof.cli.running import run_with_manager
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.text import count, printable
from zoneproof.issuance import Event
from zoneproof.manager import (
    Credential,
    CredentialSummary,
    CredentialTest,
    DnsSettings,
    LeftoverFacts,
    Manager,
    credential_summaries,
    credential_users,
    drop_older_keys,
    list_zones,
    remove_credential,
    rename_credential,
    run_credential_test,
)
from zoneproof.manager import rotate_key as rotate
from zoneproof.providers import describe, require_files, short_name

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
    found = run_with_manager(
        lambda manager: credential_summaries(manager.store), needs_secrets=False, to_read=True
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
    if as_json:
        json_document({"name": new, "used_by": users})
    else:
        click.echo(f"{old} is now {new}, used by {certificates(users)}")


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
        click.echo("next: back up the key, then zoneproof credential rotate-key --drop-old")


def _dns_options(command: F) -> F:
    return add_options(command, DNS_SETTINGS)


@credential.command()
@click.argument("provider", shell_complete=providers)
@click.option(
    "--name",
    default="",
    metavar="NAME",
    help="Name of the credential.  [default: PROVIDER, what follows its colon]",
)
@field_option
@_dns_options
@json_option
def add(provider: str, name: str, fields: Sequence[str], as_json: bool, **dns: Any) -> None:
    """Store a credential for PROVIDER.

    \b
    zoneproof credential add rfc2136 --name dns --field server=ns1.example.com \\
        --field key_name=acme --field secret=@/etc/zoneproof/tsig.secret

    'zoneproof provider list' shows all providers. At a terminal, asks for required fields that are
    not given; for all, if none is given.
    """
    info = describe(provider)
    name = name or short_name(provider)
    given = given_fields(info, fields)
    settings = _dns_settings(dns)
    if somebody_is_there():
        run_with_manager(lambda manager: manager.credentials.require_free(name))
        given = ask_for_rest(info, given)
    require_all(info, given)
    new = Credential(name, provider, given, settings)

    async def work(manager: Manager) -> Credential:
        await manager.credentials.require_free(name)
        manager.providers.open(provider, given)
        require_files(info, given)
        await manager.credentials.add(new)
        return await manager.credentials.get(name)

    added = run_with_manager(work)
    _tell(added, f"{name} is stored", as_json=as_json)
    if not as_json:
        click.echo(f"next: zoneproof credential test {name} --zone ZONE")


@credential.command("set")
@credential_argument
@field_option
@click.option(
    "--unset",
    multiple=True,
    metavar="NAME",
    help="A field, or propagation, propagation-timeout or resolver, to unset. Repeatable.",
)
@_dns_options
@json_option
def set_fields(
    name: str, fields: Sequence[str], unset: Sequence[str], as_json: bool, **dns: Any
) -> None:
    """Change some fields or DNS settings of a credential.

    The others stay.

    Every certificate that uses the credential has the change at its next run.
    """

    async def work(manager: Manager) -> tuple[Credential, tuple[str, ...]]:
        before = await manager.credentials.get(name)
        info = describe(before.provider)
        given = given_fields(info, fields)

        def change(found: Credential) -> Credential:
            return _changed(found, given, settings, unset)

        wanted = change(before)
        require_all(info, wanted.fields)
        manager.providers.open(wanted.provider, wanted.fields)
        require_files(info, wanted.fields)
        after = await manager.credentials.change(name, change)
        return after, await credential_users(manager.store, name)

    settings = _dns_settings(dns)
    if not fields and not unset and not any(dns.values()):
        raise InvalidInputError(
            f"say what to change in {name[:80]}: --field NAME=VALUE, --unset NAME, or a DNS setting"
        )
    after, users = run_with_manager(work)
    _tell(after, f"{name} is changed, used by {certificates(users)}", as_json=as_json)


def certificates(names: Sequence[str]) -> str:
    """Return how many certificates those are."""
    return count(len(names), "certificate") if names else "no certificate"


def _dns_settings(options: dict[str, Any]) -> DnsSettings:
    settings = DnsSettings(**{name: value or None for name, value in options.items()})
    settings.check()
    return settings


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
            dns = msgspec.structs.replace(dns, **{name: None})
        else:
            raise InvalidInputError(
                f"{found.name} has no field '{text[:40]}' to unset: it has"
                f" {', '.join(found.fields) or 'none'}"
            )
    return replace(found, fields=fields | given, dns=settings.over(dns))


def _tell(credential: Credential, text: str, *, as_json: bool) -> None:
    if as_json:
        json_document(credential.as_fields())
    else:
        click.echo(text)


@credential.command()
@credential_argument
@click.option(
    "--zone",
    default="",
    metavar="ZONE",
    help="Where to write; needed if the provider cannot list its zones.",
)
@click.option("--read-only", is_flag=True, help="List the zones of the account; write nothing.")
@dns_options
@json_option
def test(name: str, zone: str, read_only: bool, as_json: bool, **run_options: Any) -> None:
    """Write, see and remove a TXT value with a credential.

    It is a random one, at _zoneproof-test in a zone of the account. For acme-dns and the challenge
    service, at the name of a registration; --zone then is its domain. Exits with 1 if a step
    failed.
    """

    def quiet(event: Event) -> None:
        del event

    async def work(manager: Manager) -> CredentialTest:
        credential = await manager.credentials.get(name)
        if read_only:
            return await list_zones(manager.providers, credential)
        emit = quiet if as_json else Lines()
        return await run_credential_test(manager, credential, emit, zone=zone)

    if read_only and zone:
        raise InvalidInputError("--read-only lists all zones: omit --zone")
    trial = run_with_manager(work, run_from(**run_options))
    if as_json:
        json_document(trial.as_fields())
    else:
        _print(trial)
    if not trial.ok:
        raise SystemExit(1)


def _print(trial: CredentialTest) -> None:
    for step in trial.steps:
        mark = "ok" if step.ok else click.style("FAILED", fg="red")
        click.echo(f"  {step.step:6}  {mark}: {printable(step.message)}")
    if not trial.steps:
        click.echo(f"{trial.credential}: {trial.note}")
    elif trial.ok:
        click.echo(f"the credential {trial.credential} works")
    else:
        click.echo(f"the credential {trial.credential} does not work")
