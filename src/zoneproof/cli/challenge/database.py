"""What the commands share that work on the challenge service's database beside the service."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from zoneproof.challengedns.registry.registrations import Registrations

Work = Callable[["Registrations"], Coroutine[Any, Any, None]]

config_option = click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default="zoneproof.toml",
    show_default=True,
    help="The service's configuration.",
)


def run(path: Path, work: Work) -> None:
    """Do ``work`` on the database of a configuration."""
    import asyncio

    from zoneproof.challengedns.config import load_config
    from zoneproof.challengedns.registry.registrations import open_registrations
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


def print_json(facts: object) -> None:
    """Print one line of JSON."""
    import msgspec

    click.echo(msgspec.json.encode(facts))


def print_facts(facts: dict[str, object]) -> None:
    """Print names and facts in two columns; an absent fact is left empty."""
    width = max(map(len, facts))
    for name, fact in facts.items():
        click.echo(f"{name:{width}}  {'' if fact is None else fact}".rstrip())
