"""The ``zoneproof challenge serve`` and ``health`` commands."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneproof.challengedns.config import load_config
from zoneproof.cli.challenge.database import config_option
from zoneproof.cli.option_groups import authoritative_port_option, json_option, resolver_option
from zoneproof.cli.output import json_document, tell, tell_ready
from zoneproof.core.errors import ZoneproofError
from zoneproof.core.text import printable

if TYPE_CHECKING:
    from starlette.types import ASGIApp

    from zoneproof.challengedns.api.certificate import CertificateSource
    from zoneproof.challengedns.api.pages import PagesContext
    from zoneproof.challengedns.config import AutoTls, Config
    from zoneproof.challengedns.runtime.check import CheckFinding


@click.command()
@config_option
@click.option(
    "--reload-on-change",
    is_flag=True,
    help="Reload when the configuration, or the files of the API's certificate, have changed.",
)
@click.option("--check", is_flag=True, help="Only check whether it could run; change nothing.")
@click.option("--no-dns", is_flag=True, help="Do not ask the DNS for the delegation.")
@resolver_option
@authoritative_port_option
@json_option
def serve(
    path: Path,
    reload_on_change: bool,
    check: bool,
    no_dns: bool,
    resolvers: Sequence[str],
    authoritative_port: int | None,
    as_json: bool,
) -> None:
    """Answer DNS and the HTTP API, until stopped.

    SIGTERM and Ctrl-C stop it, SIGHUP reloads the configuration.

    With --check, which the options below it are for, exits with 0 if it could run, 1 if there
    is a problem, 2 if the configuration is wrong.
    """
    if not check:
        from zoneproof.challengedns.runtime.service import serve as run

        run(path, tell_ready, _open_source, _open_pages, reload_on_change=reload_on_change)
        return
    findings = _check(path, None if no_dns else (resolvers, authoritative_port or 53))
    json_document({"findings": findings}) if as_json else _print_lines(findings)
    if any(found.level.value == "problem" for found in findings):
        raise SystemExit(1)


def _open_source(config: Config, auto: AutoTls) -> CertificateSource:
    # Imported only then, since it brings the whole manager half with it.
    from zoneproof.manager.api_certificate import ApiCertificate

    return ApiCertificate(config, auto)


def _open_pages(context: PagesContext) -> ASGIApp:
    # Imported only then: whoever has switched them off, or not installed, does not pay for them.
    from zoneproof.challengepages.app import make_pages

    return make_pages(context)


def _check(path: Path, dns: tuple[Sequence[str], int] | None) -> list[CheckFinding]:
    from zoneproof.challengedns.dns.zonefile import compile_zones
    from zoneproof.challengedns.own_names import with_own_names
    from zoneproof.challengedns.runtime.check import check_machine

    config = load_config(path)
    zones = compile_zones(path, config.zones)
    with_own_names(config, zones)
    machine = check_machine(config, zones)
    findings = list(machine.findings)
    if dns is None:
        return findings
    from zoneproof.dnsquery import Resolver, parse_server
    from zoneproof.manager.service_delegation import check_delegation

    servers, port = dns

    async def ask() -> list[CheckFinding]:
        chosen = [parse_server(text) for text in servers] or None
        async with Resolver(chosen, authoritative_port=port) as resolver:
            return await check_delegation(config, zones, resolver, is_running=machine.is_running)

    return findings + asyncio.run(ask())


def _print_lines(findings: Sequence[CheckFinding]) -> None:
    colors = {"ok": "green", "note": "yellow", "problem": "red"}
    for found in findings:
        level = found.level.value
        mark = click.style(f"{level.upper() if level == 'problem' else level:7}", fg=colors[level])
        click.echo(f"{mark}  {found.subject}: {printable(found.text)}")
        if found.records:
            click.echo("".join(f"\n    {printable(line)}" for line in found.records) + "\n")


@click.command()
@config_option
@json_option
def health(path: Path, as_json: bool) -> None:
    """Check whether the running service is healthy.

    Asks at every address of the configuration, for DNS and for the API's /health. Exits with 0 if
    all is well, else with 1 and the problem. A certificate that clients refuse, or that expires
    soon, is named; it is no problem of the service's, which answers.
    """
    from zoneproof.challengedns.runtime.health import ailments, remarks

    config = load_config(path)
    found = list(ailments(config))
    if found:
        raise ZoneproofError("; ".join(found))
    noted = list(remarks(config))
    text = "; ".join(["the service is healthy", *noted])
    tell({"well": True, "remarks": noted}, text, as_json=as_json)
