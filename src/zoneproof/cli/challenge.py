"""The ``zoneproof challenge`` commands: run the challenge service, administer its registrations."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from zoneproof.challengedns.registrations import Registrations
    from zoneproof.challengedns.rows import Registration

_config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default="zoneproof.toml",
    show_default=True,
    help="The service's configuration.",
)
_subdomain_argument = click.argument("subdomain")
_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def challenge() -> None:
    """Run the DNS service that answers dns-01 challenges, with an API compatible with acme-dns."""


@challenge.command()
@_config_option
def serve(path: Path) -> None:
    """Answer DNS and the HTTP API until SIGTERM; SIGHUP rereads the configuration."""
    from zoneproof.challengedns.service import serve as run

    run(path, click.echo)


@challenge.group()
def registration() -> None:
    """Administer the registrations, also while the service runs."""


@registration.command("list")
@_config_option
@_json_option
def list_registrations(path: Path, as_json: bool) -> None:
    """List all registrations."""

    async def work(registrations: Registrations) -> None:
        after = ""
        while page := await registrations.page(after=after):
            for found in page:
                if as_json:
                    _json(_facts(registrations, found))
                else:
                    state = "disabled" if found.disabled else "enabled "
                    name = registrations.fulldomain(found.subdomain)
                    click.echo(f"{name}  {state}  {found.note}".rstrip())
            after = page[-1].subdomain

    _run(path, work)


@registration.command()
@_config_option
@_subdomain_argument
@_json_option
def show(path: Path, subdomain: str, as_json: bool) -> None:
    """Show a registration and its live values."""

    async def work(registrations: Registrations) -> None:
        found = await registrations.get(subdomain)
        values = await registrations.values(subdomain)
        facts = _facts(registrations, found)
        if as_json:
            live = [{"txt": txt, "expires_at": expires_at} for txt, expires_at in values]
            _json({**facts, "values": live})
            return
        facts["allowfrom"] = ", ".join(found.allowfrom) or "anywhere"
        facts["created_at"] = _time(found.created_at)
        for name, fact in facts.items():
            click.echo(f"{name:10}  {'' if fact is None else fact}".rstrip())
        for txt, expires_at in values:
            click.echo(f"{'value':10}  {txt}  until {_time(expires_at)}")

    _run(path, work)


@registration.command()
@_config_option
@_subdomain_argument
@click.argument("text")
def note(path: Path, subdomain: str, text: str) -> None:
    """Replace the note of a registration."""
    _run(path, lambda registrations: registrations.set_note(subdomain, text))


@registration.command()
@_config_option
@_subdomain_argument
@click.argument("networks", nargs=-1)
def allow(path: Path, subdomain: str, networks: tuple[str, ...]) -> None:
    """Let only these NETWORKS (such as 192.0.2.0/24) update; without any, all may."""
    _run(path, lambda registrations: registrations.set_allowfrom(subdomain, networks))


@registration.command()
@_config_option
@_subdomain_argument
def rotate(path: Path, subdomain: str) -> None:
    """Print a new API key; the old one no longer works."""

    async def work(registrations: Registrations) -> None:
        click.echo(await registrations.rotate(subdomain))

    _run(path, work)


@registration.command()
@_config_option
@_subdomain_argument
def disable(path: Path, subdomain: str) -> None:
    """Refuse updates, and answer no values."""
    _run(path, lambda registrations: registrations.set_disabled(subdomain, disabled=True))


@registration.command()
@_config_option
@_subdomain_argument
def enable(path: Path, subdomain: str) -> None:
    """Undo 'disable'."""
    _run(path, lambda registrations: registrations.set_disabled(subdomain, disabled=False))


@registration.command()
@_config_option
@_subdomain_argument
def delete(path: Path, subdomain: str) -> None:
    """Delete a registration; its name is never used again."""
    _run(path, lambda registrations: registrations.delete(subdomain))


def _run(path: Path, work: Callable[[Registrations], Coroutine[Any, Any, None]]) -> None:
    import asyncio

    from zoneproof.challengedns.config import load_config
    from zoneproof.challengedns.registrations import open_registrations
    from zoneproof.errors import ConfigError

    config = load_config(path)
    if not config.database.exists():
        # Made by us, the file might belong to a user who is not the service's.
        raise ConfigError(
            f"the database {config.database} does not exist: start the service once, with"
            f" 'zoneproof challenge serve --config {path}'"
        )

    async def main() -> None:
        registrations = open_registrations(
            config.database, zone=config.registration_zone, value_lifetime=config.value_lifetime
        )
        try:
            await work(registrations)
        finally:
            await registrations.close()

    asyncio.run(main())


def _facts(registrations: Registrations, found: Registration) -> dict[str, object]:
    return {
        "fulldomain": registrations.fulldomain(found.subdomain),
        "subdomain": found.subdomain,
        "username": found.username,
        "allowfrom": found.allowfrom,
        "note": found.note,
        "tenant": found.tenant,
        "disabled": found.disabled,
        "created_at": found.created_at,
    }


def _json(facts: object) -> None:
    import msgspec

    click.echo(msgspec.json.encode(facts))


def _time(seconds: int) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
