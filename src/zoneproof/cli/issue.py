"""The ``zoneproof issue`` command."""

from __future__ import annotations

from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from zoneproof.manager import IssueRequest, Outcome


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--provider", required=True, help="DNS provider; 'zoneproof provider list' has all.")
@click.option(
    "--field",
    "fields",
    multiple=True,
    metavar="NAME=VALUE",
    help="A field of the provider; VALUE can be @file or env:VARIABLE. Repeatable.",
)
@click.option("--server", help="Short for --field server=...")
@click.option(
    "--ca",
    "--directory",
    "ca",
    default="letsencrypt",
    show_default=True,
    help="A CA by short name, or the URL of its ACME directory.",
)
@click.option(
    "--ca-bundle",
    type=click.Path(path_type=Path),
    help="PEM file with the roots to trust for the connection to a test CA.",
)
@click.option("--email", default="", help="Contact for a new account.")
@click.option("--agree-tos", is_flag=True, help="Agree to the CA's terms of service.")
@click.option("--eab-kid", default="", help="Key id for external account binding.")
@click.option("--eab-hmac-key", default="", help="Its key: base64url, @file or env:VARIABLE.")
@click.option("--name", "certificate", default="", help="Name of the certificate's folder.")
@click.option(
    "--key-type",
    type=click.Choice(["ec256", "ec384", "rsa2048", "rsa3072", "rsa4096"]),
    default="ec256",
    show_default=True,
)
@click.option("--profile", default="", help="A profile of the CA.")
@click.option("--preferred-chain", default="", help="Common name of the root or issuer wanted.")
@click.option(
    "--delegation",
    default="",
    metavar="SOURCE:TARGET[;...]",
    help="Where challenges are delegated by CNAME, as '*.example.com:*.auth.example.org'.",
)
@click.option("--ttl", type=click.IntRange(0, 86400), help="Seconds, for the TXT records.")
@click.option(
    "--propagation",
    default="authoritative",
    show_default=True,
    help="How to know that DNS has the values: authoritative, seconds, authoritative+SECONDS.",
)
@click.option(
    "--propagation-timeout",
    type=click.FloatRange(min=1),
    default=600.0,
    show_default=True,
    help="Seconds to wait for DNS.",
)
@click.option(
    "--resolver",
    "resolvers",
    multiple=True,
    help="IP, IP:port or https URL to ask instead of the system's resolvers. Repeatable.",
)
@click.option(
    "--authoritative-port",
    type=click.IntRange(1, 65535),
    default=53,
    help="Port at which authoritative servers are asked.",
    show_default=True,
)
@click.option("--allow-http", is_flag=True, help="Accept a CA without TLS, on this machine only.")
@click.option("--json", "as_json", is_flag=True, help="Print each event as a line of JSON.")
def issue(as_json: bool, **options: Any) -> None:
    """Obtain a certificate for NAME..., such as example.com '*.example.com'.

    Files go to live/<name>/ below ZONEPROOF_HOME. If records have to be created by hand, they are
    printed and the exit code is 3; the same command then goes on.
    """
    from zoneproof.cli.output import Lines, json_error, json_line, tell_certificate
    from zoneproof.cli.tasks import run_until_done
    from zoneproof.errors import ZoneproofError

    try:
        outcome = run_until_done(_issue(_request(**options), json_line if as_json else Lines()))
    except ZoneproofError as error:
        if not as_json:
            raise
        json_error(error)
        raise SystemExit(error.exit_code) from error
    if not as_json:
        tell_certificate(outcome)


def _request(
    names: Sequence[str],
    provider: str,
    fields: Sequence[str],
    server: str | None,
    ca: str,
    eab_kid: str,
    eab_hmac_key: str,
    email: str,
    agree_tos: bool,
    certificate: str,
    propagation: str,
    propagation_timeout: float,
    delegation: str,
    resolvers: Sequence[str],
    authoritative_port: int,
    **rest: Any,
) -> IssueRequest:
    from zoneproof.acme import ExternalAccountBinding, directory_url
    from zoneproof.cli.fields import parse_fields
    from zoneproof.dnsquery import Resolver, parse_policy, parse_server
    from zoneproof.errors import InvalidInputError
    from zoneproof.issuance import DelegationRules
    from zoneproof.manager import AccountTerms, IssueRequest
    from zoneproof.names import Identifier

    values = parse_fields([*fields, *([f"server={server}"] if server else [])])
    if bool(eab_kid) != bool(eab_hmac_key):
        raise InvalidInputError("external account binding needs both --eab-kid and --eab-hmac-key")
    eab = None
    if eab_kid:
        hmac_key = parse_fields([f"eab-hmac-key={eab_hmac_key}"])["eab-hmac-key"]
        eab = ExternalAccountBinding(eab_kid, hmac_key)
    return IssueRequest(
        identifiers=[Identifier.parse(name) for name in names],
        provider=provider,
        fields=values,
        directory_url=directory_url(ca),
        resolver=Resolver(
            [parse_server(text) for text in resolvers] or None,
            authoritative_port=authoritative_port,
        ),
        propagation=parse_policy(propagation),
        propagation_seconds=propagation_timeout,
        delegation=DelegationRules.parse(delegation),
        terms=AccountTerms(email, agree_tos, eab),
        name=certificate,
        **rest,
    )


def _issue(request: IssueRequest, emit: Any) -> Coroutine[Any, Any, Outcome]:
    from zoneproof.errors import TermsNotAgreedError
    from zoneproof.manager import Home, open_manager

    async def run() -> Outcome:
        async with request.resolver, open_manager(Home.find()) as manager:
            try:
                return await manager.issue(request, emit)
            except TermsNotAgreedError as error:
                text = f"{error.message}; read them, then add --agree-tos"
                raise TermsNotAgreedError(text, url=error.url) from error

    return run()
