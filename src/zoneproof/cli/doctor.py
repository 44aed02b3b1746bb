"""The ``zoneproof doctor`` command: what the DNS says of a name, without any configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneproof.cli.completion import authorities
from zoneproof.cli.option_groups import ca_bundle_option, resolver_option
from zoneproof.cli.run_options import authoritative_port_option, json_flag

if TYPE_CHECKING:
    from zoneproof.issuance import Examination


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--expect", metavar="NAME", help="Where a CNAME at the challenge name should lead.")
@click.option(
    "--ca",
    "--directory",
    "ca",
    metavar="CA",
    shell_complete=authorities,
    help="A CA's short name or directory URL; checks CAA records for it.",
)
@click.option(
    "--account", metavar="URL", help="Your account at the CA, for CAA records that bind to it."
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
    """Examine the DNS for NAME... as a dns-01 validation would see it; nothing is changed.

    \b
    zoneproof doctor example.com --ca letsencrypt
    zoneproof doctor example.com --expect _acme-challenge.acme.example.org

    Whom to ask is what settings.toml says, if it is there. Exits with 1 if a validation would fail.
    """
    from dataclasses import replace

    from zoneproof.acme import AccountKey, AcmeClient, directory_url
    from zoneproof.cli.examinations import facts_of, print_examinations, print_records
    from zoneproof.cli.json_output import json_line
    from zoneproof.cli.tasks import run_until_done
    from zoneproof.dnsquery import CaaVerdict, Resolver, parse_server
    from zoneproof.issuance import examine
    from zoneproof.manager import Home
    from zoneproof.manager.settings import load_settings
    from zoneproof.names import DomainName, Identifier

    identifiers = [Identifier.parse(name) for name in names]
    expected = DomainName.parse(expect) if expect else None
    settings = load_settings(Home.find().path)
    servers = [parse_server(text) for text in resolvers or settings.dns.resolvers or ()] or None
    port = authoritative_port or settings.authoritative_port

    async def run() -> list[Examination]:
        issuers: Sequence[str] = ()
        if ca:
            key = AccountKey.generate()
            async with AcmeClient(directory_url(ca), key, ca_bundle=ca_bundle) as client:
                issuers = (await client.directory()).caa_identities
        async with Resolver(servers, authoritative_port=port) as resolver:
            return [
                await examine(
                    resolver, identifier, expected=expected, issuers=issuers, account_url=account
                )
                for identifier in identifiers
            ]

    examinations = run_until_done(run())
    if not ca:
        unchecked = CaaVerdict(True, "not checked: say with --ca for which CA")
        examinations = [replace(examination, caa=unchecked) for examination in examinations]
    failing = any(examination.would_fail for examination in examinations)
    if as_json:
        for examination in examinations:
            json_line(facts_of(examination))
    else:
        print_examinations(examinations)
        print_records(examinations)
        if failing:
            click.secho("\nA validation through DNS would fail: see PROBLEM above.", fg="red")
        else:
            click.echo("\nA validation through DNS would work.")
    if failing:
        raise SystemExit(1)
