"""The ``zoneproof challenge tenant`` commands: who may register, and how many."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from zoneproof.challengedns.store.checks import after_day
from zoneproof.challengedns.store.tenant_rows import Tenant
from zoneproof.challengedns.store.tenants import DEFAULT_QUOTA, known_tenant
from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.challenge.database import config_option, print_facts, read, show_all, write
from zoneproof.cli.option_groups import Commands, json_option
from zoneproof.cli.output import json_document, tell
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError

_NEVER = "never"
_EXPIRED = "expired"


def _expiry(context: click.Context, option: click.Parameter, text: str | None) -> str | int | None:  # noqa: ARG001
    if text in (None, _NEVER):
        return text
    try:
        return after_day(str(text))
    except InvalidInputError as error:
        raise click.BadParameter(f"{error.message}, or '{_NEVER}'") from None


_name_argument = click.argument("name")
_quota_option = click.option(
    "--quota",
    type=click.IntRange(min=0),
    metavar="NUMBER",
    help="How many registrations it may have.",
)
_expires_option = click.option(
    "--expires",
    metavar=f"YYYY-MM-DD|{_NEVER}",
    callback=_expiry,
    help="The last day (UTC) on which it may register and update.",
)


@click.group(cls=Commands)
def tenant() -> None:
    """Administer the tenants.

    They register with licence keys. Also while the service runs.
    """


@tenant.command()
@config_option
@_name_argument
@_quota_option
@_expires_option
@json_option
def create(
    path: Path, name: str, quota: int | None, expires: str | int | None, as_json: bool
) -> None:
    """Create a tenant.

    'zoneproof challenge key create NAME' then gives it a licence key.
    """
    made = write(
        path,
        lambda tx, them: them.tenants.create(
            tx,
            name,
            quota=DEFAULT_QUOTA if quota is None else quota,
            expires_at=expires if isinstance(expires, int) else None,
        ),
    )
    _tell(made, as_json=as_json)
    if not as_json:
        click.echo(f"next: zoneproof challenge key create {made.name}")


@tenant.command("list")
@config_option
@json_option
def list_tenants(path: Path, as_json: bool) -> None:
    """List all tenants."""

    show_all(
        path,
        lambda tx, them, after: them.tenants.page(tx, after=after),
        lambda found: found.name,
        ("NAME", "STATUS", "REGISTRATIONS", "UNTIL"),
        lambda found: (found.name, _status(found), _used(found), _until(found)),
        if_none="no tenants yet: 'zoneproof challenge tenant create'",
        as_json=as_json,
    )


@tenant.command()
@config_option
@_name_argument
@json_option
def show(path: Path, name: str, as_json: bool) -> None:
    """Show a tenant."""
    found = read(path, lambda tx, _: known_tenant(tx, name))
    if as_json:
        json_document(found)
        return
    facts = asdict(found)
    facts["expires_at"] = _until(found)
    facts["created_at"] = times.at(found.created_at)
    print_facts(facts)


@tenant.command()
@config_option
@_name_argument
@_quota_option
@_expires_option
@json_option
def change(
    path: Path, name: str, quota: int | None, expires: str | int | None, as_json: bool
) -> None:
    """Change how much and how long a tenant may register."""
    changes: dict[str, object] = {}
    if quota is not None:
        changes["quota"] = quota
    if expires is not None:
        changes["expires_at"] = None if expires == _NEVER else expires
    if not changes:
        raise InvalidInputError("give --quota, --expires or both")
    _alter(path, name, changes, as_json=as_json)


@tenant.command()
@config_option
@_name_argument
@json_option
def disable(path: Path, name: str, as_json: bool) -> None:
    """Refuse a tenant's keys and updates.

    Values that are answered now stay until they expire.
    """
    _alter(path, name, {"disabled": True}, as_json=as_json)


@tenant.command()
@config_option
@_name_argument
@json_option
def enable(path: Path, name: str, as_json: bool) -> None:
    """Undo 'disable'."""
    _alter(path, name, {"disabled": False}, as_json=as_json)


@tenant.command()
@config_option
@_name_argument
@yes_option
@json_option
def delete(path: Path, name: str, yes: bool, as_json: bool) -> None:
    """Delete a tenant that has no registrations, and its keys."""
    found = read(path, lambda tx, _: known_tenant(tx, name))
    if not found.registrations:
        confirm(f"Delete the tenant {name} and its keys?", yes=yes)
    write(path, lambda tx, them: them.tenants.delete(tx, name))
    tell({"deleted": name}, f"the tenant {name} and its keys are deleted", as_json=as_json)


def _alter(path: Path, name: str, changes: dict[str, Any], *, as_json: bool) -> None:
    altered = write(
        path,
        lambda tx, them: them.tenants.alter(tx, name, lambda known: replace(known, **changes)),
    )
    _tell(altered, as_json=as_json)


def _tell(found: Tenant, *, as_json: bool) -> None:
    tell(found, _line(found), as_json=as_json)
    if _status(found) == _EXPIRED:
        click.echo(
            f"zoneproof: the last day of {found.name} is over, so it may neither register nor"
            " update: --expires sets another",
            err=True,
        )


def _line(found: Tenant) -> str:
    line = f"{found.name}  {_status(found)}  {_used(found)} registrations"
    return line if found.expires_at is None else f"{line}  until {_until(found)}"


def _status(found: Tenant) -> str:
    over = found.expires_at is not None and found.expires_at <= datetime.now(UTC).timestamp()
    return "disabled" if found.disabled else _EXPIRED if over else "enabled"


def _used(found: Tenant) -> str:
    return f"{found.registrations} of {found.quota}"


def _until(found: Tenant) -> str:
    return _NEVER if found.expires_at is None else times.at(found.expires_at)
