"""The ``zoneproof challenge registration`` commands: administer registrations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click
from msgspec.structs import asdict

from zoneproof.challengedns.api.messages import (
    RegistrationDetails,
    RegistrationFacts,
    credentials_of,
    details_of,
    facts_of,
)
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.own_names import own_names
from zoneproof.challengedns.store.checks import check_note
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.tenant_rows import Tenant
from zoneproof.challengedns.store.tenants import known_tenant
from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.challenge.database import config_option, print_facts, read, show_all, write
from zoneproof.cli.option_groups import Commands, json_option
from zoneproof.cli.output import json_document, tell
from zoneproof.cli.streams import require_output, shown_once
from zoneproof.core import times
from zoneproof.core.errors import InvalidInputError
from zoneproof.storage import Transaction


def _names(context: click.Context, argument: click.Parameter, given: Any) -> Any:  # noqa: ARG001
    """Take the full names, too, that 'list' shows."""
    if isinstance(given, tuple):
        return tuple(each.partition(".")[0] for each in given)
    return given.partition(".")[0]


_ANYWHERE = "anywhere"
_subdomain_argument = click.argument("subdomain", callback=_names)


@click.group(cls=Commands)
def registration() -> None:
    """Administer the registrations.

    Also while the service runs. SUBDOMAIN is the first part of a registration's name, or all of it.
    """


@registration.command("list")
@config_option
@click.option("--tenant", default="", metavar="TENANT", help="Only those of this tenant.")
@json_option
def list_registrations(path: Path, tenant: str, as_json: bool) -> None:
    """List all registrations."""

    def page(tx: Transaction, registrations: Registrations, after: str) -> list[RegistrationFacts]:
        if tenant:
            known_tenant(tx, tenant)
        found = registrations.page(tx, tenant=tenant, after=after)
        return [facts_of(registrations, each) for each in found]

    def row(found: RegistrationFacts) -> Sequence[str]:
        return found.fulldomain, "disabled" if found.disabled else "enabled", found.note

    whose = f" of the tenant {tenant}" if tenant else ""
    show_all(
        path,
        page,
        lambda found: found.subdomain,
        ("NAME", "STATUS", "NOTE"),
        row,
        if_none=f"no registrations{whose} yet: clients make them, with a tenant's licence key",
        as_json=as_json,
    )


@registration.command()
@config_option
@_subdomain_argument
@json_option
def show(path: Path, subdomain: str, as_json: bool) -> None:
    """Show a registration and its live values."""
    details = _details(path, subdomain)
    if as_json:
        json_document(details)
        return
    facts = asdict(details)
    values = facts.pop("values")
    facts["allowfrom"] = _allowed(details)
    facts["created_at"] = times.at(details.created_at)
    print_facts(facts)
    for value in values:
        click.echo(f"{'value':10}  {value.txt}  until {times.at(value.expires_at)}")


@registration.command()
@config_option
@_subdomain_argument
@click.argument("text")
@json_option
def note(path: Path, subdomain: str, text: str, as_json: bool) -> None:
    """Replace the note of a registration."""
    kept = check_note(text)
    changed = _change(path, subdomain, lambda tx, them: them.set_note(tx, subdomain, kept))
    tell(changed, f"{changed.fulldomain}: {changed.note}", as_json=as_json)


@registration.command()
@config_option
@_subdomain_argument
@click.argument("networks", metavar="NETWORKS...", nargs=-1)
@json_option
def allow(path: Path, subdomain: str, networks: tuple[str, ...], as_json: bool) -> None:
    """Set the NETWORKS that updates may come from.

    For instance 192.0.2.0/24 2001:db8::/32, or the word 'anywhere'.
    """
    if not networks:
        raise InvalidInputError("give networks such as 192.0.2.0/24, or the word 'anywhere'")
    wanted = () if networks == (_ANYWHERE,) else networks
    changed = _change(path, subdomain, lambda tx, them: them.set_allowfrom(tx, subdomain, wanted))
    tell(changed, f"{changed.fulldomain} may be updated from {_allowed(changed)}", as_json=as_json)


@registration.command()
@config_option
@_subdomain_argument
@yes_option
@json_option
def rotate(path: Path, subdomain: str, yes: bool, as_json: bool) -> None:
    """Print a new API key; the old one stops working."""
    require_output()
    found = _details(path, subdomain)
    confirm(f"Give {found.fulldomain} a new key? Clients with the old one will fail.", yes=yes)
    rotated = credentials_of(write(path, lambda tx, them: them.rotate(tx, subdomain)))
    shown_once(
        f"{found.fulldomain} has a new key, which is lost: 'zoneproof challenge registration rotate"
        f" {subdomain}' makes another"
    )
    tell(rotated, rotated.password, as_json=as_json)


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
@click.argument("subdomains", metavar="[SUBDOMAIN]...", nargs=-1, callback=_names)
@click.option("--tenant", required=True, metavar="TENANT", help="Tenant that gets them.")
@click.option("--all-without-tenant", is_flag=True, help="All that have no tenant yet.")
@json_option
def assign(
    path: Path, subdomains: tuple[str, ...], tenant: str, all_without_tenant: bool, as_json: bool
) -> None:
    """Give registrations to a tenant.

    All of them or, if its quota is too small, none. Its licence keys may then administer them. The
    registration of the API's own certificate is not among those of --all-without-tenant.
    """
    if all_without_tenant == bool(subdomains):
        raise InvalidInputError("give either subdomains or --all-without-tenant")

    def work(tx: Transaction, registrations: Registrations) -> tuple[int, Tenant]:
        if subdomains:
            count = registrations.assign(tx, subdomains, tenant)
        else:
            count = registrations.assign_all_without_tenant(tx, tenant, but=_own_notes(path))
        return count, known_tenant(tx, tenant)

    count, found = write(path, work)
    tell(
        {"assigned": count, "tenant": found},
        f"{count} assigned: {tenant} has {found.registrations} of {found.quota} registrations",
        as_json=as_json,
    )


def _own_notes(path: Path) -> list[str]:
    """Return the notes that the service gave to the registrations of its own names."""
    return [name.text for name in own_names(load_config(path))]


@registration.command()
@config_option
@_subdomain_argument
@yes_option
@json_option
def delete(path: Path, subdomain: str, yes: bool, as_json: bool) -> None:
    """Delete a registration; its name is never used again."""
    found = _details(path, subdomain)
    confirm(f"Delete {found.fulldomain} for good? Its CNAME leads nowhere then.", yes=yes)
    write(path, lambda tx, them: them.delete(tx, subdomain))
    tell({"deleted": found.subdomain}, f"{found.fulldomain} is deleted", as_json=as_json)


def _switch(path: Path, subdomain: str, *, disabled: bool, as_json: bool) -> None:
    changed = _change(path, subdomain, lambda tx, them: them.set_disabled(tx, subdomain, disabled))
    state = "disabled" if disabled else "enabled"
    tell(changed, f"{changed.fulldomain} is {state}", as_json=as_json)


def _change(
    path: Path,
    subdomain: str,
    change: Callable[[Transaction, Registrations], object],
) -> RegistrationDetails:
    """Make the change, and return the registration as it is then."""

    def work(tx: Transaction, registrations: Registrations) -> RegistrationDetails:
        change(tx, registrations)
        return details_of(registrations, tx, registrations.get(tx, subdomain))

    return write(path, work)


def _details(path: Path, subdomain: str) -> RegistrationDetails:
    return read(path, lambda tx, them: details_of(them, tx, them.get(tx, subdomain)))


def _allowed(details: RegistrationDetails) -> str:
    return ", ".join(details.allowfrom) or _ANYWHERE
