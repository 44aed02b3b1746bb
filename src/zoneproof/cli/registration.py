"""The ``zoneproof registration`` commands: the registrations at challenge services in this home."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from zoneproof.cli.asking import confirm, yes_option
from zoneproof.cli.completion import credentials
from zoneproof.cli.credential_fields import given_fields
from zoneproof.cli.option_groups import PATH, Commands, field_option, json_option
from zoneproof.cli.output import STANDARD_OUTPUT, json_document, tell, tell_all, write_output
from zoneproof.cli.running import read_home, run_with_manager
from zoneproof.core.errors import AwaitingUserError, InvalidInputError
from zoneproof.core.files import exists, exists_already
from zoneproof.core.names import DomainName, Identifier
from zoneproof.core.text import count, printable
from zoneproof.manager import MethodDefinition
from zoneproof.manager.credentials.registering import Registered, register_domains
from zoneproof.migration.registrations import export_certbot_hook, export_certify, export_goacmedns
from zoneproof.providers import Registration, describe
from zoneproof.providers.server_url import ServerUrl

_SHOWN = 3  # domains that a line names
_DOMAINS = "<domains>"  # which no message has

server_option = click.option(
    "--server", default="", metavar="URL", help="Only those at this service."
)


@click.group(cls=Commands)
def registration() -> None:
    """The registrations at challenge services that are kept here: add, show, share, remove them.

    'zoneproof import registrations' imports those of other clients.
    """


@registration.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option(
    "--server",
    default="",
    metavar="URL",
    help="The service; a licence key goes into the URL, which can be @file or env:VARIABLE.",
)
@click.option(
    "--credential",
    default="",
    metavar="NAME",
    shell_complete=credentials,
    help="A stored credential for the service, instead of --server.",
)
@field_option
@json_option
def add(
    names: Sequence[str], server: str, credential: str, fields: Sequence[str], as_json: bool
) -> None:
    """Register names before any order, and print their CNAMEs.

    \b
    zoneproof registration add example.com www.example.com --server https://auth.example.net

    This is what the first order of each name would do; afterwards no order has to wait. Names that
    are already registered are unchanged. Exits with 1 if one could not be registered, 3 if you have
    to create records, else 0.
    """
    identifiers = [Identifier.parse(name) for name in names]
    for one in identifiers:
        if one.type != "dns":
            raise InvalidInputError(f"{one} is an IP address, which has no CNAME: omit it")
    if bool(server) == bool(credential):
        raise InvalidInputError("name the service: --server URL, or --credential NAME")
    if credential and fields:
        raise InvalidInputError("the credential has all fields: omit --field")
    texts = [*fields, *([f"server={server}"] if server else [])]
    given = given_fields(describe("acme-dns"), texts)
    method = MethodDefinition(
        provider="" if credential else "acme-dns", credential=credential, fields=given
    )
    domains = [one.domain for one in identifiers]
    found = run_with_manager(lambda manager: register_domains(manager.methods, domains, method))
    if as_json:
        json_document([_registered(one) for one in found])
    else:
        _tell_registered(found)
    if any(one.error for one in found):
        raise SystemExit(1)
    if any(one.advice for one in found):
        raise SystemExit(AwaitingUserError.exit_code)


def _registered(one: Registered) -> dict[str, str]:
    return {
        "domain": one.domain.text,
        "fulldomain": one.target.text if one.target else "",
        "record": one.record,
        "advice": one.advice,
        "error": one.error.message if one.error else "",
    }


def _failures(found: Sequence[Registered]) -> list[str]:
    """Return a line for each cause, with the domains that were not registered because of it."""
    causes: dict[str, list[str]] = {}
    for one in found:
        if one.error:
            cause = one.error.message.replace(f", {one.domain}: ", f", {_DOMAINS}: ")
            causes.setdefault(cause, []).append(one.domain.text)
    return [cause.replace(_DOMAINS, _first(domains)) for cause, domains in causes.items()]


def _first(domains: Sequence[str]) -> str:
    more = len(domains) - _SHOWN
    return ", ".join(domains) if more <= 1 else f"{', '.join(domains[:_SHOWN])} and {more} more"


def _tell_registered(found: Sequence[Registered]) -> None:
    for line in _failures(found):
        click.echo(f"zoneproof: {printable(line)}", err=True)
    for one in (one for one in found if one.record and not one.advice):
        click.echo(f"{one.record}  ; is there")
    missing = [one for one in found if one.advice]
    if missing:
        click.echo("\ncreate these records:\n")
    for one in missing:
        click.echo(f"  {one.record}")
    for one in missing:
        if not one.advice.endswith("is missing: create it"):
            click.echo(f"\n{printable(one.advice)}")
    if missing:
        click.echo("\nnext: run the same command again to check them")


@registration.command("list")
@server_option
@json_option
def list_registrations(server: str, as_json: bool) -> None:
    """List each domain and where its challenges go."""
    tell_all(
        [_shown(domain, one) for domain, one in _find(server)],
        ("DOMAIN", "CNAME TARGET", "SERVICE"),
        lambda one: tuple(one.values()),
        if_none="no registrations: 'zoneproof registration add' makes them, and so does the first"
        " certificate through acme-dns",
        as_json=as_json,
    )


@registration.command()
@click.argument("domain")
@server_option
@yes_option
@json_option
def remove(domain: str, server: str, yes: bool, as_json: bool) -> None:
    """Remove the registration of DOMAIN here. The service keeps it, and the CNAME stays.

    The next issuance registers again, and needs another CNAME.
    """
    name, one = _the_only(domain, server)
    confirm(f"Remove the key of {one.fulldomain}? This home may have the only copy.", yes=yes)
    run_with_manager(
        lambda manager: manager.registrations.remove(one.server, name), needs_secrets=False
    )
    text = f"{name} no longer has a registration at {one.server}"
    tell({"removed": _shown(name, one)}, text, as_json=as_json)


@registration.command()
@click.argument("domains", nargs=-1, metavar="[DOMAIN]...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["goacmedns", "certbot", "certify"]),
    default="goacmedns",
    show_default=True,
    help="goacmedns: lego, cert-manager, Caddy, acme-dns-client. certbot: its hook and plugin."
    " certify: Certify The Web.",
)
@click.option(
    "--output",
    "-o",
    type=PATH,
    metavar="FILE",
    required=True,
    help="File to create, or - to print; for certify, an existing folder.",
)
@server_option
@json_option
def export(domains: Sequence[str], form: str, output: Path, server: str, as_json: bool) -> None:
    """Write registrations for other clients.

    Those of all DOMAINs, or of some, in the format that --format names. The file holds the keys
    unencrypted: whoever has it can obtain certificates for these domains.
    """
    chosen = _chosen(domains, server)
    if form == "certify":
        files = {output / name: content for name, content in export_certify(chosen).items()}
    else:
        write = export_goacmedns if form == "goacmedns" else export_certbot_hook
        files = {output: write(chosen)}
    for path in files:
        if path != STANDARD_OUTPUT and exists(path):
            raise exists_already(path)
    for path, content in files.items():
        write_output(path, content, as_json=as_json)
    if output == STANDARD_OUTPUT:
        return
    tell(
        {
            "registrations": [_shown(domain, one) for domain, one in chosen.items()],
            "files": [str(path) for path in files],
        },
        f"{count(len(chosen), 'registration')} written to {output}, with unencrypted keys",
        as_json=as_json,
    )


def _chosen(domains: Sequence[str], server: str) -> dict[DomainName, Registration]:
    if domains:
        return dict(_the_only(domain, server, to_export=True) for domain in domains)
    found = _find(server, to_export=True)
    if not found:
        raise InvalidInputError("there are no registrations to export")
    chosen = dict(found)
    if len(chosen) < len(found):
        raise InvalidInputError(
            "some domains have registrations at several servers: choose one with --server"
        )
    return chosen


def _shown(domain: DomainName, one: Registration) -> dict[str, str]:
    return {"domain": domain.text, "fulldomain": one.fulldomain.text, "server": one.server}


def _find(server: str, *, to_export: bool = False) -> list[tuple[DomainName, Registration]]:
    """Return the registrations at the server, or at all; with passwords only ``to_export``."""
    wanted = ServerUrl.parse(server).identity if server else ""
    if to_export:
        found = run_with_manager(lambda manager: manager.registrations.all(), to_read=True)
    else:
        found = read_home(lambda manager: manager.registrations.without_passwords())
    return [(domain, one) for domain, one in found if wanted in ("", one.server)]


def _the_only(
    domain: str, server: str, *, to_export: bool = False
) -> tuple[DomainName, Registration]:
    name = DomainName.parse(domain).base
    all_found = _find(server, to_export=to_export)
    found = [(one, registration) for one, registration in all_found if one == name]
    if not found:
        raise InvalidInputError(
            f"there is no registration for {name}: 'zoneproof registration list' shows all"
        )
    if len(found) > 1:
        servers = ", ".join(registration.server for _, registration in found)
        raise InvalidInputError(
            f"{name} has registrations at {servers}: choose one of them with --server"
        )
    return found[0]
