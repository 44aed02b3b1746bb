"""The ``zoneproof doctor`` command: what the DNS says of a name, without any configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from msgspec.structs import replace

from zoneproof.acme import AccountKey, AcmeClient, directory_url
from zoneproof.cli.completion import accounts, authorities
from zoneproof.cli.option_groups import (
    authoritative_port_option,
    ca_bundle_option,
    json_flag,
    resolver_option,
)
from zoneproof.cli.output import json_line
from zoneproof.cli.preflight_output import print_preflight, print_records
from zoneproof.cli.running import read_home, run_until_done
from zoneproof.core.errors import InvalidInputError
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import CaaVerdict, Resolver, parse_server
from zoneproof.issuance import PreflightReport, preflight_name
from zoneproof.issuance.preflight_texts import preflight_fields
from zoneproof.manager import AccountReach, Home, Manager
from zoneproof.manager.settings import load_settings


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--expect", metavar="NAME", help="Where a CNAME at the challenge name should lead.")
@click.option(
    "--ca",
    "--directory",
    "ca",
    metavar="CA",
    shell_complete=authorities,
    help="A CA's short name or directory URL, or a stored account; checks CAA records for it.",
)
@click.option(
    "--account",
    metavar="ACCOUNT",
    shell_complete=accounts,
    help="Your account, for CAA records that bind to it: stored, or its URL."
    "  [default: the stored one of the CA]",
)
@ca_bundle_option
@resolver_option
@authoritative_port_option
@json_flag("Print JSON, a line for each name.")
def doctor(
    names: Sequence[str],
    expect: str | None,
    ca: str | None,
    ca_bundle: Path | None,
    account: str | None,
    resolvers: Sequence[str],
    authoritative_port: int | None,
    as_json: bool,
) -> None:
    """Check the DNS for NAME... as a dns-01 validation would see it; nothing is changed.

    \b
    zoneproof doctor example.com --ca letsencrypt
    zoneproof doctor example.com --expect _acme-challenge.acme.example.org

    Uses the resolvers of settings.toml, if it exists, and the stored account at the CA. Exits with
    1 if a validation would fail.
    """
    identifiers = [Identifier.parse(name) for name in names]
    expected = DomainName.parse(expect) if expect else None
    settings = load_settings(Home.find().path)
    servers = [parse_server(text) for text in resolvers or settings.dns.resolvers or ()] or None
    port = authoritative_port or settings.authoritative_port
    at_ca, account_url = _account(ca, account)
    ca = ca or (at_ca.directory_url if at_ca else None)

    async def run() -> list[PreflightReport]:
        issuers: Sequence[str] = ()
        if ca:
            key = AccountKey.generate()
            client = AcmeClient(
                at_ca.directory_url if at_ca else directory_url(ca),
                key,
                ca_bundle=ca_bundle or (at_ca.ca_bundle if at_ca else None),
                allow_http=at_ca is not None and at_ca.allow_http,
            )
            async with client:
                issuers = (await client.directory()).caa_identities
        async with Resolver(servers, authoritative_port=port) as resolver:
            return [
                await preflight_name(
                    resolver,
                    identifier,
                    expected=expected,
                    issuers=issuers,
                    account_url=account_url,
                )
                for identifier in identifiers
            ]

    examinations = run_until_done(run())
    if not ca:
        unchecked = CaaVerdict(True, "not checked: name the CA with --ca")
        examinations = [replace(examination, caa=unchecked) for examination in examinations]
    failing = any(examination.would_fail for examination in examinations)
    if as_json:
        for examination in examinations:
            json_line(preflight_fields(examination))
    else:
        print_preflight(examinations)
        print_records(examinations)
        if failing:
            click.secho("\nA validation through DNS would fail: see PROBLEM above.", fg="red")
        elif any(examination.is_unseen for examination in examinations):
            click.echo(
                "\nNo name server answers here: nobody can tell whether a validation through DNS"
                " would work."
            )
        else:
            click.echo("\nA validation through DNS would work.")
    if failing:
        raise SystemExit(1)


def _account(ca: str | None, account: str | None) -> tuple[AccountReach | None, str | None]:
    """Return the stored account at the CA, and the URL of the one that CAA records are to name.

    Raises InvalidInputError for an account that is neither stored nor a URL.
    """

    async def find(manager: Manager) -> tuple[AccountReach | None, AccountReach | None]:
        at_ca = await manager.accounts.reach(ca) if ca else None
        return at_ca, await manager.accounts.reach(account) if account else at_ca

    is_url = account is not None and "://" in account
    at_ca, named = None, None
    if ca or account:
        at_ca, named = read_home(find)
    if account and is_url and named is None:
        return at_ca, account
    if account and named is None:
        raise InvalidInputError(
            f"there is no account '{account[:100]}': 'zoneproof account list' shows all, or give "
            "its"
            " URL"
        )
    return (at_ca if ca else named), (named.account_url or None) if named else None
