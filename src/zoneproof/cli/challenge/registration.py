"""The ``zoneproof challenge registration`` commands: administer registrations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

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

_subdomain_argument = click.argument("subdomain")


@click.group()
def registration() -> None:
    """Administer the registrations, also while the service runs."""


@registration.command("list")
@config_option
@click.option("--tenant", default="", help="Only those of this tenant.")
@json_option
def list_registrations(path: Path, tenant: str, as_json: bool) -> None:
    """List all registrations."""

    async def work(registrations: Registrations) -> None:
        from zoneproof.challengedns.http.messages import facts_of

        if tenant:
            await registrations.tenants.get(tenant)
        after = ""
        while page := await registrations.page(tenant=tenant, after=after):
            for found in page:
                if as_json:
                    print_json(facts_of(registrations, found))
                else:
                    state = "disabled" if found.disabled else "enabled "
                    name = registrations.fulldomain(found.subdomain)
                    click.echo(f"{name}  {state}  {found.note}".rstrip())
            after = page[-1].subdomain

    run(path, work)


@registration.command()
@config_option
@_subdomain_argument
@json_option
def show(path: Path, subdomain: str, as_json: bool) -> None:
    """Show a registration and its live values."""
    run(path, lambda registrations: _show(registrations, subdomain, as_json=as_json))


@registration.command()
@config_option
@_subdomain_argument
@click.argument("text")
@json_option
def note(path: Path, subdomain: str, text: str, as_json: bool) -> None:
    """Replace the note of a registration."""

    async def work(registrations: Registrations) -> None:
        await registrations.set_note(subdomain, text)
        await _show_changed(registrations, subdomain, as_json=as_json)

    run(path, work)


@registration.command()
@config_option
@_subdomain_argument
@click.argument("networks", nargs=-1)
@json_option
def allow(path: Path, subdomain: str, networks: tuple[str, ...], as_json: bool) -> None:
    """Let only these NETWORKS (such as 192.0.2.0/24) update; without any, all may."""

    async def work(registrations: Registrations) -> None:
        await registrations.set_allowfrom(subdomain, networks)
        await _show_changed(registrations, subdomain, as_json=as_json)

    run(path, work)


@registration.command()
@config_option
@_subdomain_argument
@json_option
def rotate(path: Path, subdomain: str, as_json: bool) -> None:
    """Print a new API key; the old one no longer works."""

    async def work(registrations: Registrations) -> None:
        from zoneproof.challengedns.http.messages import Credentials

        password = await registrations.rotate(subdomain)
        found = await registrations.get(subdomain)
        fulldomain = registrations.fulldomain(found.subdomain)
        if as_json:
            print_json(
                Credentials(found.username, password, fulldomain, found.subdomain, found.allowfrom)
            )
        else:
            click.echo(password)

    run(path, work)


@registration.command()
@config_option
@_subdomain_argument
@json_option
def disable(path: Path, subdomain: str, as_json: bool) -> None:
    """Refuse updates, and answer no values."""
    _switch(path, subdomain, disabled=True, as_json=as_json)


@registration.command()
@config_option
@_subdomain_argument
@json_option
def enable(path: Path, subdomain: str, as_json: bool) -> None:
    """Undo 'disable'."""
    _switch(path, subdomain, disabled=False, as_json=as_json)


@registration.command()
@config_option
@click.argument("subdomains", metavar="SUBDOMAIN...", nargs=-1)
@click.option("--tenant", required=True, help="Whose they become.")
@click.option("--all-without-tenant", is_flag=True, help="All that belong to no tenant so far.")
@json_option
def assign(
    path: Path, subdomains: tuple[str, ...], tenant: str, all_without_tenant: bool, as_json: bool
) -> None:
    """Give registrations to a tenant, all of them or, if its quota is too small, none.

    Its licence keys may then administer them. The registration of the API's own certificate is
    not among those of --all-without-tenant.
    """
    if all_without_tenant == bool(subdomains):
        raise click.UsageError("give either subdomains or --all-without-tenant")
    run(path, lambda registrations: _assign(registrations, path, subdomains, tenant, as_json))


async def _assign(
    registrations: Registrations,
    path: Path,
    subdomains: tuple[str, ...],
    tenant: str,
    as_json: bool,
) -> None:
    if subdomains:
        count = await registrations.assign(subdomains, tenant)
    else:
        count = await registrations.assign_all_without_tenant(tenant, but=_own_notes(path))
    found = await registrations.tenants.get(tenant)
    if as_json:
        print_json({"assigned": count, "tenant": found})
    else:
        click.echo(
            f"{count} assigned: {tenant} has {found.registrations} of {found.quota} registrations"
        )


def _own_notes(path: Path) -> list[str]:
    """Return the notes that the service gave to the registrations of its API's certificate."""
    from zoneproof.challengedns.config import load_config

    auto = load_config(path).api.auto
    return [domain.text for domain in auto.domains] if auto else []


@registration.command()
@config_option
@_subdomain_argument
def delete(path: Path, subdomain: str) -> None:
    """Delete a registration; its name is never used again."""
    run(path, lambda registrations: registrations.delete(subdomain))


def _switch(path: Path, subdomain: str, *, disabled: bool, as_json: bool) -> None:
    async def work(registrations: Registrations) -> None:
        await registrations.set_disabled(subdomain, disabled=disabled)
        await _show_changed(registrations, subdomain, as_json=as_json)

    run(path, work)


async def _show_changed(registrations: Registrations, subdomain: str, *, as_json: bool) -> None:
    if as_json:
        await _show(registrations, subdomain, as_json=True)


async def _show(registrations: Registrations, subdomain: str, *, as_json: bool) -> None:
    from msgspec.structs import asdict

    from zoneproof.challengedns.http.messages import details_of

    details = await details_of(registrations, await registrations.get(subdomain))
    if as_json:
        print_json(details)
        return
    facts = asdict(details)
    values = facts.pop("values")
    facts["allowfrom"] = ", ".join(details.allowfrom) or "anywhere"
    facts["created_at"] = moments.at(details.created_at)
    print_facts(facts)
    for value in values:
        click.echo(f"{'value':10}  {value.txt}  until {moments.at(value.expires_at)}")
