"""The ``zoneproof registration`` commands: the registrations at challenge services in this home."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from zoneproof.cli.run_options import json_option

if TYPE_CHECKING:
    from zoneproof.manager import Manager
    from zoneproof.names import DomainName
    from zoneproof.providers import Registration

server_option = click.option("--server", default="", help="Only of this service; its URL.")


@click.group()
def registration() -> None:
    """Show the registrations at challenge services that are kept here, and forget them."""


@registration.command("list")
@server_option
@json_option
def list_registrations(server: str, as_json: bool) -> None:
    """List the registrations: each domain and where its challenges are delegated."""
    from zoneproof.cli.output import json_document, telling_errors

    with telling_errors(as_json=as_json):
        found = _find(server)
        if as_json:
            json_document([_shown(domain, one) for domain, one in found])
            return
        if not found:
            click.echo("no registrations: issuing through acme-dns makes them at first use")
        for domain, one in found:
            click.echo(f"{domain}  {one.fulldomain}  {one.server}")


@registration.command()
@click.argument("domain")
@server_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def remove(domain: str, server: str, yes: bool, as_json: bool) -> None:
    """Forget the registration of DOMAIN. The service keeps it, and the CNAME stays.

    The next issuance registers anew, and then wants another CNAME.
    """
    from zoneproof.cli.confirm import confirm
    from zoneproof.cli.output import json_document, telling_errors
    from zoneproof.cli.tasks import run_with_manager

    with telling_errors(as_json=as_json):
        name, one = _the_only(domain, server)
        confirm(f"Forget the key of {one.fulldomain}, which only this home may have?", yes=yes)

        async def work(manager: Manager) -> None:
            await manager.registrations.remove(one.server, name)

        run_with_manager(work)
        if as_json:
            json_document({"removed": _shown(name, one)})
        else:
            click.echo(f"{name} has no registration at {one.server} any more")


def _shown(domain: DomainName, one: Registration) -> dict[str, str]:
    return {"domain": domain.text, "fulldomain": one.fulldomain.text, "server": one.server}


def _find(server: str) -> list[tuple[DomainName, Registration]]:
    from zoneproof.cli.tasks import run_with_manager
    from zoneproof.providers.server_url import ServerUrl

    wanted = ServerUrl.parse(server).identity if server else ""
    found = run_with_manager(lambda manager: manager.registrations.all())
    return [(domain, one) for domain, one in found if wanted in ("", one.server)]


def _the_only(domain: str, server: str) -> tuple[DomainName, Registration]:
    from zoneproof.errors import InvalidInputError
    from zoneproof.names import DomainName

    name = DomainName.parse(domain).base
    found = [(one, registration) for one, registration in _find(server) if one == name]
    if not found:
        raise InvalidInputError(
            f"there is no registration for {name}: 'zoneproof registration list' has all"
        )
    if len(found) > 1:
        servers = ", ".join(registration.server for _, registration in found)
        raise InvalidInputError(
            f"{name} has registrations at {servers}: choose one of them with --server"
        )
    return found[0]
