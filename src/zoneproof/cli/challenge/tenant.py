"""The ``zoneproof challenge tenant`` and ``key`` commands: who may register, and how many."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from zoneproof import moments
from zoneproof.cli.challenge.database import (
    config_option,
    print_facts,
    print_json,
    run,
)
from zoneproof.cli.run_options import json_option

if TYPE_CHECKING:
    from zoneproof.challengedns.registry.registrations import Registrations
    from zoneproof.challengedns.registry.tenant_rows import Tenant

_NEVER = "never"


def _expiry(context: click.Context, option: click.Parameter, text: str | None) -> str | int | None:  # noqa: ARG001
    from datetime import UTC, datetime, timedelta

    if text in (None, _NEVER):
        return text
    try:
        last_day = datetime.strptime(str(text), "%Y-%m-%d").replace(tzinfo=UTC)
        return int((last_day + timedelta(days=1)).timestamp())
    except (ValueError, OverflowError):
        raise click.BadParameter(
            f"'{text}' is no day: write it as 2027-12-31, or '{_NEVER}'"
        ) from None


_name_argument = click.argument("name")
_quota_option = click.option(
    "--quota", type=click.IntRange(min=0), help="How many registrations it may have."
)
_expires_option = click.option(
    "--expires",
    metavar=f"YYYY-MM-DD|{_NEVER}",
    callback=_expiry,
    help="The last day (UTC) on which it may register and update.",
)


# --- tenants -----------------------------------------------------------------------------------


@click.group()
def tenant() -> None:
    """Administer the tenants, who register with licence keys, also while the service runs."""


@tenant.command()
@config_option
@_name_argument
@_quota_option
@_expires_option
@json_option
def create(
    path: Path, name: str, quota: int | None, expires: str | int | None, as_json: bool
) -> None:
    """Make a tenant; 'zoneproof challenge key create NAME' gives it a licence key."""

    async def work(registrations: Registrations) -> None:
        from zoneproof.challengedns.registry.tenants import DEFAULT_QUOTA

        made = await registrations.tenants.create(
            name,
            quota=DEFAULT_QUOTA if quota is None else quota,
            expires_at=expires if isinstance(expires, int) else None,
        )
        if as_json:
            print_json(made)

    run(path, work)


@tenant.command("list")
@config_option
@json_option
def list_tenants(path: Path, as_json: bool) -> None:
    """List all tenants."""

    async def work(registrations: Registrations) -> None:
        after = ""
        while page := await registrations.tenants.page(after=after):
            for found in page:
                if as_json:
                    print_json(found)
                else:
                    click.echo(_line(found))
            after = page[-1].name

    run(path, work)


@tenant.command()
@config_option
@_name_argument
@json_option
def show(path: Path, name: str, as_json: bool) -> None:
    """Show a tenant."""

    async def work(registrations: Registrations) -> None:
        from dataclasses import asdict

        found = await registrations.tenants.get(name)
        if as_json:
            print_json(found)
            return
        facts = asdict(found)
        facts["expires_at"] = _NEVER if found.expires_at is None else moments.at(found.expires_at)
        facts["created_at"] = moments.at(found.created_at)
        print_facts(facts)

    run(path, work)


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
        raise click.UsageError("give --quota, --expires or both")
    _alter(path, name, changes, as_json=as_json)


@tenant.command()
@config_option
@_name_argument
@json_option
def disable(path: Path, name: str, as_json: bool) -> None:
    """Refuse its keys and the updates of its registrations; live values stay until they expire."""
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
def delete(path: Path, name: str) -> None:
    """Delete a tenant that has no registrations, and its keys."""
    run(path, lambda registrations: registrations.tenants.delete(name))


def _alter(path: Path, name: str, changes: dict[str, Any], *, as_json: bool) -> None:
    async def work(registrations: Registrations) -> None:
        from dataclasses import replace

        altered = await registrations.tenants.alter(name, lambda known: replace(known, **changes))
        if as_json:
            print_json(altered)

    run(path, work)


def _line(found: Tenant) -> str:
    state = "disabled" if found.disabled else "enabled "
    line = f"{found.name}  {state}  {found.registrations} of {found.quota} registrations"
    return line if found.expires_at is None else f"{line}  until {moments.at(found.expires_at)}"


# --- keys --------------------------------------------------------------------------------------


@click.group()
def key() -> None:
    """Administer the tenants' licence keys and the operator's, also while the service runs."""


@key.command("create")
@config_option
@click.argument("tenant_name", metavar="[TENANT]", required=False)
@click.option("--operator", is_flag=True, help="Make a key for the whole REST API instead.")
@click.option("--note", default="", help="What the key is for.")
@json_option
def create_key(
    path: Path, tenant_name: str | None, operator: bool, note: str, as_json: bool
) -> None:
    """Make a licence key of TENANT, and print it: it is shown only now."""
    if operator == bool(tenant_name):
        raise click.UsageError("give either a tenant or --operator")

    async def work(registrations: Registrations) -> None:
        made = await registrations.tenants.create_key(tenant_name or None, note=note)
        if as_json:
            print_json(made)
        else:
            click.echo(made.key)

    run(path, work)


@key.command("list")
@config_option
@click.option("--tenant", "tenant_name", default="", help="Only those of this tenant.")
@json_option
def list_keys(path: Path, tenant_name: str, as_json: bool) -> None:
    """List the keys, without what is secret of them."""

    async def work(registrations: Registrations) -> None:
        after = ""
        while page := await registrations.tenants.keys(tenant=tenant_name, after=after):
            for found in page:
                if as_json:
                    print_json(found)
                else:
                    whose = found.tenant or "(operator)"
                    made = moments.at(found.created_at)
                    click.echo(f"{found.id}  {whose}  made {made}  {found.note}".rstrip())
            after = page[-1].id

    run(path, work)


@key.command()
@config_option
@click.argument("key_id", metavar="ID")
def revoke(path: Path, key_id: str) -> None:
    """Let a key work no more; what was registered with it stays."""
    run(path, lambda registrations: registrations.tenants.revoke_key(key_id))
