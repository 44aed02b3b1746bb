"""The ``zoneproof demo`` command: a real certificate from an empty start, on one machine."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from zoneproof.cli.events import Lines
from zoneproof.cli.output import tell_certificate
from zoneproof.cli.own_command import own_command
from zoneproof.cli.running import run_until_done
from zoneproof.cli.web_options import require_extra
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
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.pebble import Pebble, find_pebble
from zoneproof.testing.ports import free_port

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


@dataclass(frozen=True)
class _Stage:
    """What is there once the CNAME is: servers, a home, and a certificate to issue."""

    home: Home
    run: RunOptions
    definition: CertificateDefinition


async def tell_story(folder: Path, *, web: bool) -> None:
    """Run the demo with all its files in ``folder``, or leave its end to the web pages.

    Raises ZoneproofError.
    """
    async with _prepared(folder) as stage:
        if web:
            await _show_pages(stage)
            return
        _step(5, "the same command again")
        async with open_manager(stage.home, stage.run) as manager:
            outcome = await issue(manager, stage.definition, Lines(indent="     "))
    tell_certificate(outcome, indent="     ")
    click.echo(_NEXT.format(zoneproof=own_command()))


@asynccontextmanager
async def _prepared(folder: Path) -> AsyncIterator[_Stage]:
    click.secho(f"Zoneproof demo: one certificate for {' and '.join(NAMES)}, through a CNAME\n")
    dns_port, api_port = free_port(), free_port()
    server = f"http://{_HOST}:{api_port}"
    config = folder / "zoneproof.toml"

    def write_config(record: str) -> None:
        config.write_text(
            _CONFIG.format(host=_HOST, dns_port=dns_port, api_port=api_port, record=record)
        )

    serve = ("challenge", "serve")
    write_config("")
    with ExitStack() as running:
        _step(1, f"the challenge service starts: DNS on port {dns_port}, API at {server}")
        service = running.enter_context(
            BackgroundServer(
                "the challenge service",
                # -P: what lies in the current folder may be anybody's.
                [sys.executable, "-P", "-m", "zoneproof", *serve, "--config", str(config)],
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
        yield _Stage(home, run, definition)


async def _show_pages(stage: _Stage) -> None:
    from zoneproof.web.server import WebOptions, WebReady, serving

    def tell(ready: WebReady) -> None:
        _step(5, "the rest is yours, in a browser: open this link and choose a password\n")
        click.secho(f"     {ready.link}\n", fg="cyan")
        click.echo(
            f"     {stage.definition.name} waits there for you: 'Look again' finds the record,\n"
            "     and the CA validates it while you watch. Ctrl-C ends the demo."
        )

    async with serving(stage.home, WebOptions(listen=f"{_HOST}:0"), tell, stage.run):
        await asyncio.Event().wait()


def _step(number: int, text: str) -> None:
    click.echo(f"  {number}. {text}")


async def _record_to_create(home: Home, definition: CertificateDefinition, run: RunOptions) -> str:
    async with open_manager(home, run) as manager:
        await manager.certificates.save(definition)
        try:
            await issue(manager, definition, Lines(indent="     "))
        except AwaitingUserError as error:
            return error.records[0]
    raise AssertionError("a new registration always needs a CNAME")


@click.command()
@click.option("--keep", is_flag=True, help="Keep the files, and print where they are.")
@click.option("--web", is_flag=True, help="Finish it yourself, in the web pages.")
def demo(keep: bool, web: bool) -> None:
    """Obtain a wildcard certificate from a test CA, through a CNAME.

    Starts Pebble and the challenge service on loopback, and stops them. Needs no privileges and
    no network, and leaves nothing behind. With --web the web pages open too, and you issue the
    certificate there.
    """
    find_pebble()
    if web:
        require_extra()
    folder = Path(tempfile.mkdtemp(prefix="zoneproof-demo-"))
    try:
        run_until_done(tell_story(folder, web=web))
        if keep:
            click.echo(f"\n  The files stay in {folder}")
        else:
            click.echo("\n  The files are removed now; with --keep they stay.")
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)
