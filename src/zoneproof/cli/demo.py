"""The ``zoneproof demo`` command: a real certificate from an empty start, on one machine."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import click

from zoneproof.cli.events import Lines
from zoneproof.cli.output import tell_certificate
from zoneproof.cli.own_command import own_command
from zoneproof.cli.running import run_until_done
from zoneproof.core.errors import AwaitingUserError
from zoneproof.manager import (
    AccountTerms,
    CertificateDefinition,
    DnsSettings,
    Home,
    MethodDefinition,
    RunOptions,
    issue,
    open_manager,
)
from zoneproof.testing.background import BackgroundServer, free_port
from zoneproof.testing.pebble import Pebble, find_pebble

NAMES = ("demo.test", "*.demo.test")
_HOST = "127.0.0.1"
_CONFIG = """\
database = "challenge.db"

[dns]
listen = ["{host}:{dns_port}"]
workers = 2

[api]
listen = ["{host}:{api_port}"]
open_registration = true

[service]
user = "root"  # whoever runs the demo, and so root if that is root

[[zones]]
name = "auth.test"
nameservers = ["ns.auth.test"]
hostmaster = "hostmaster.auth.test"
records = "ns A {host}"

[[zones]]
name = "demo.test"
nameservers = ["ns.demo.test"]
hostmaster = "hostmaster.demo.test"
registrations = false
records = '''
ns A {host}
{record}
'''
"""
_NEXT = """
  Next, with a domain of yours instead of example.com:
     domain=example.com
     {zoneproof} doctor "$domain"
     {zoneproof} provider list
     {zoneproof} issue --dry-run --agree-tos --provider manual -d "$domain" -d "*.$domain"
     {zoneproof} help challenge init"""


async def tell_story(folder: Path) -> None:
    """Run the demo with all its files in ``folder``. Raises ZoneproofError."""
    click.secho(f"Zoneproof demo: one certificate for {' and '.join(NAMES)}, through a CNAME\n")
    dns_port, api_port = free_port(), free_port()
    server = f"http://{_HOST}:{api_port}"
    config = folder / "zoneproof.toml"

    def write_config(record: str) -> None:
        config.write_text(
            _CONFIG.format(host=_HOST, dns_port=dns_port, api_port=api_port, record=record)
        )

    write_config("")
    with ExitStack() as running:
        _step(1, f"the challenge service starts: DNS on port {dns_port}, API at {server}")
        service = running.enter_context(
            BackgroundServer(
                "the challenge service",
                [sys.executable, "-m", "zoneproof", "challenge", "serve", "--config", str(config)],
                "challenge service ready",
            )
        )
        pebble = Pebble(folder / "pebble", dns_server=f"{_HOST}:{dns_port}")
        _step(2, f"a test CA starts: Pebble at {pebble.directory_url}")
        running.enter_context(pebble)
        definition = CertificateDefinition(
            name="demo.test",
            identifiers=NAMES,
            method=(MethodDefinition(provider="acme-dns", fields={"server": server}),),
            account=pebble.directory_url,
            ignore_caa=True,  # this DNS has no 'test' above demo.test, where CAA would be asked too
        )
        run = RunOptions(
            dns=DnsSettings(resolvers=(f"{_HOST}:{dns_port}",)),
            authoritative_port=dns_port,
            terms=AccountTerms(agree_to_terms=True, ca_bundle=pebble.ca_bundle),
        )
        home = Home(folder)
        _step(3, f"zoneproof issue demo.test '*.demo.test' --provider acme-dns --server {server}")
        record = await _record_to_create(home, definition, run)
        click.echo("     registers at the service, and asks for this record:\n")
        click.secho(f"     {record}\n", fg="cyan")
        _step(4, "the record is created (yours: at the DNS provider of your domain)")
        write_config(record)
        service.process.send_signal(signal.SIGHUP)
        await asyncio.to_thread(service.wait_for_line, "configuration reloaded")
        _step(5, "the same command again")
        async with open_manager(home, run) as manager:
            outcome = await issue(manager, definition, Lines(indent="     "))
    tell_certificate(outcome, indent="     ")
    click.echo(_NEXT.format(zoneproof=own_command()))


def _step(number: int, text: str) -> None:
    click.echo(f"  {number}. {text}")


async def _record_to_create(home: Home, definition: CertificateDefinition, run: RunOptions) -> str:
    async with open_manager(home, run) as manager:
        try:
            await issue(manager, definition, Lines(indent="     "))
        except AwaitingUserError as error:
            return error.records[0]
    raise AssertionError("a new registration always needs a CNAME")


@click.command()
@click.option("--keep", is_flag=True, help="Keep the files, and print where they are.")
def demo(keep: bool) -> None:
    """Obtain a wildcard certificate from a test CA, through a CNAME.

    Starts Pebble and the challenge service on loopback, and stops them. Needs no privileges and
    no network, and leaves nothing behind.
    """
    find_pebble()
    folder = Path(tempfile.mkdtemp(prefix="zoneproof-demo-"))
    try:
        run_until_done(tell_story(folder))
        if keep:
            click.echo(f"\n  The files stay in {folder}")
        else:
            click.echo("\n  The files are removed now; with --keep they stay.")
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
