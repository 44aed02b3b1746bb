"""What the commands share that work on the challenge service's database beside the service."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

import click

from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.store import rows
from zoneproof.challengedns.store.audit import Actor
from zoneproof.challengedns.store.database import Database
from zoneproof.challengedns.store.opening import (
    database_exists,
    open_database,
    open_database_to_read,
)
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.cli.option_groups import PATH
from zoneproof.cli.output import json_text, print_table
from zoneproof.cli.person import person
from zoneproof.core.errors import ConfigError, InvalidInputError, RegistrationError
from zoneproof.core.text import count, printable
from zoneproof.storage import Transaction

T = TypeVar("T")

_WRONG_INPUT = frozenset(
    {"not_found", "already_exists", "invalid_name", "invalid_quota", "invalid_allowfrom_cidr"}
)
ROOT_CONFIG = Path("/etc/zoneproof/zoneproof.toml")


def default_config() -> Path:
    """Return where the service's configuration is, for all commands, unless ``--config`` says."""
    is_root = hasattr(os, "geteuid") and os.geteuid() == 0
    return ROOT_CONFIG if is_root else Path("zoneproof.toml")


config_option = click.option(
    "--config",
    "path",
    type=PATH,
    metavar="FILE",
    default=default_config,
    help="The service's configuration.  [default: zoneproof.toml, for root in /etc/zoneproof]",
)


def _run(
    path: Path,
    work: Callable[[Database, Registrations], Awaitable[T]],
    *,
    only_reads: bool = False,
) -> T:
    """Do the work on the database of a configuration, and return what comes of it.

    Raises InvalidInputError for names and values that the store cannot use.
    """
    config = load_config(path)
    if not database_exists(config):
        # Made by us, the file might belong to a user who is not the service's.
        raise ConfigError(
            f"the database {config.database} does not exist: start the service once, with"
            f" 'zoneproof challenge serve --config {path}'"
        )
    registrations = Registrations(config.registration_zone, config.value_lifetime).by(
        Actor(person())
    )

    async def main() -> T:
        database = open_database_to_read(config) if only_reads else open_database(config)
        try:
            return await work(database, registrations)
        except RegistrationError as error:
            if error.code in _WRONG_INPUT:
                raise InvalidInputError(error.message) from error
            raise
        finally:
            await database.close()

    return asyncio.run(main())


def read(path: Path, work: Callable[[Transaction, Registrations], T]) -> T:
    """Do the work in one transaction that only reads."""
    return _run(
        path, lambda database, them: database.read(lambda tx: work(tx, them)), only_reads=True
    )


def write(path: Path, work: Callable[[Transaction, Registrations], T]) -> T:
    """Do the work in one transaction, and wait until secondaries answer with what it changed.

    Who does not in time is named on standard error: what is stored stays so.
    """
    config = load_config(path)
    if not config.secondaries:
        return _run(path, lambda database, them: database.write(lambda tx: work(tx, them)))
    from zoneproof.challengedns.secondaries.overview import late_secondaries, newest_changes

    def counted(tx: Transaction, them: Registrations) -> tuple[T, tuple[int, int], bool]:
        before, result, after = newest_changes(tx), work(tx, them), newest_changes(tx)
        return result, after, after != before

    result, newest, is_news = _run(
        path, lambda database, them: database.write(lambda tx: counted(tx, them))
    )

    def latest() -> int:
        return read(path, lambda tx, _: rows.generation(tx))

    if is_news and (late := late_secondaries(config, newest, latest)):
        click.echo(
            f"zoneproof: the change is stored, but not yet answered by secondary {', '.join(late)}:"
            " see 'zoneproof challenge secondary list'",
            err=True,
        )
    return result


def show_all(
    path: Path,
    page: Callable[[Transaction, Registrations, str], Sequence[T]],
    identify: Callable[[T], str],
    heading: Sequence[str],
    row: Callable[[T], Sequence[str]],
    *,
    if_none: str,
    as_json: bool,
) -> None:
    """Print what follows "", and what follows each page's last, as :func:`identify` calls it.

    As a list in JSON, or in columns below a heading, which grow wider where a page needs it; or
    that there is none. Each page is read in a transaction of its own, between which others can
    write.
    """

    async def work(database: Database, registrations: Registrations) -> None:
        after = ""

        def following(tx: Transaction) -> Sequence[T]:
            return page(tx, registrations, after)

        before = "[\n"
        widths: Sequence[int] = ()
        while found := await database.read(following):
            if as_json:
                for each in found:
                    click.echo(f"{before}{json_text(each)}", nl=False)
                    before = ",\n"
            else:
                widths = print_table([*([] if after else [heading]), *map(row, found)], widths)
            after = identify(found[-1])
        if as_json:
            click.echo("\n]" if after else "[]")
        elif not after:
            click.echo(if_none)

    _run(path, work, only_reads=True)


def distance(behind: int) -> str:
    """Say how many changes a node or a secondary is behind."""
    return f"behind by {count(behind, 'change')}" if behind else "current"


def print_facts(facts: dict[str, object]) -> None:
    """Print names and facts in two columns; an absent fact is left empty."""
    words = {None: "", True: "yes", False: "no"}
    width = max(map(len, facts))
    for name, fact in facts.items():
        text = words[fact] if fact is None or isinstance(fact, bool) else fact
        click.echo(printable(f"{name:{width}}  {text}".rstrip()))
