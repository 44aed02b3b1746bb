"""The ``zoneproof doctor`` command: what the DNS says of a name, without any configuration."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from zoneproof.issuance import Examination


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--expect", metavar="TARGET", help="Where a CNAME at the challenge name should lead.")
@click.option("--ca", "--directory", "ca", help="Check CAA records for this CA too.")
@click.option("--ca-bundle", type=click.Path(path_type=Path), help="Roots of a test CA.")
@click.option("--account", help="Your account's URL at the CA, for CAA records that bind to it.")
@click.option("--resolver", "resolvers", multiple=True, help="IP, IP:port or https URL to ask.")
@click.option("--authoritative-port", type=click.IntRange(1, 65535), default=53, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON, a line for each name.")
def doctor(
    names: Sequence[str],
    expect: str | None,
    ca: str | None,
    ca_bundle: Path | None,
    account: str | None,
    resolvers: Sequence[str],
    authoritative_port: int,
    as_json: bool,
) -> None:
    """Examine the DNS for NAME... as a dns-01 validation would see it; nothing is changed.

    Exits with 1 if a validation would fail.
    """
    import msgspec

    from zoneproof.acme import AccountKey, AcmeClient, directory_url
    from zoneproof.cli.tasks import run_until_done
    from zoneproof.dnsquery import Resolver, parse_server
    from zoneproof.issuance import examine
    from zoneproof.names import DomainName, Identifier

    identifiers = [Identifier.parse(name) for name in names]
    expected = DomainName.parse(expect) if expect else None
    servers = [parse_server(text) for text in resolvers] or None

    async def run() -> list[Examination]:
        issuers: Sequence[str] = ()
        if ca:
            key = AccountKey.generate()
            async with AcmeClient(directory_url(ca), key, ca_bundle=ca_bundle) as client:
                issuers = (await client.directory()).caa_identities
        async with Resolver(servers, authoritative_port=authoritative_port) as resolver:
            return [
                await examine(
                    resolver, identifier, expected=expected, issuers=issuers, account_url=account
                )
                for identifier in identifiers
            ]

    examinations = run_until_done(run())
    for examination in examinations:
        if as_json:
            click.echo(msgspec.json.encode(_facts(examination)))
        else:
            _print_lines(examination)
    if any(examination.would_fail for examination in examinations):
        raise SystemExit(1)


def _print_lines(examination: Examination) -> None:
    from zoneproof.dnsquery import ServerStatus
    from zoneproof.errors import printable

    name, caa = examination.name, examination.caa
    assert name is not None
    assert caa is not None
    servers = name.servers.servers
    answering = [server for server in servers if server.status is ServerStatus.VISIBLE]
    chain = name.delegation.chain
    rows = {
        "challenge name": str(name.challenge_name),
        "delegation": " -> ".join(map(str, chain)) if len(chain) > 1 else "none",
        "publish name": str(name.publish_name),
        "zone": str(name.zone),
        "name servers": f"{len(answering)} of {len(servers)} answer",
        "CAA": caa.reason,
    }
    click.secho(str(examination.identifier), bold=True)
    for title, text in rows.items():
        click.echo(f"  {title:15} {printable(text)}")
    for finding in examination.findings:
        mark = click.style("PROBLEM", fg="red") if finding.is_problem else "note"
        click.echo(f"  {mark}: {printable(finding.text)}")
        if finding.record:
            click.echo(f"\n    {finding.record}\n")
    if not examination.would_fail:
        click.echo("  A validation through DNS would work.")


def _facts(examination: Examination) -> dict[str, object]:
    name, caa = examination.name, examination.caa
    assert name is not None
    assert caa is not None
    return {
        "identifier": examination.identifier.value,
        "challenge_name": str(name.challenge_name),
        "chain": [str(link) for link in name.delegation.chain],
        "from_wildcard": name.delegation.from_wildcard,
        "publish_name": str(name.publish_name),
        "zone": str(name.zone),
        "servers": [
            {
                "name": str(server.server),
                "address": server.address,
                "status": server.status.name.lower(),
            }
            for server in name.servers.servers
        ],
        "leftovers": [{"name": str(owner), "txt": txt} for owner, txt in name.leftovers],
        "caa": {"allowed": caa.allowed, "reason": caa.reason},
        "findings": [
            {"problem": finding.is_problem, "text": finding.text, "record": finding.record}
            for finding in examination.findings
        ],
        "would_fail": examination.would_fail,
    }
