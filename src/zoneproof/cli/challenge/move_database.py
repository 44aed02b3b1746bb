"""The ``zoneproof challenge move-database`` command: to PostgreSQL, and back."""

from __future__ import annotations

import asyncio
import re
import sys
from dataclasses import replace
from pathlib import Path

import click

from zoneproof.challengedns.config import POSTGRES_URL, load_config
from zoneproof.challengedns.runtime.privileges import make_folder_for, service_user
from zoneproof.challengedns.store.audit import Actor, ServiceAudit
from zoneproof.challengedns.store.moving import move_database as move
from zoneproof.challengedns.store.opening import database_exists, open_database
from zoneproof.cli.challenge.database import config_option
from zoneproof.cli.option_groups import json_option
from zoneproof.cli.output import tell, warn_of_literals
from zoneproof.cli.person import person
from zoneproof.core.errors import ConfigError, InvalidInputError

_NOUNS = {
    "challenge_tenant": "tenants",
    "challenge_key": "keys",
    "challenge_deleted_subdomain": "deleted names",
    "challenge_registration": "registrations",
    "challenge_value": "values",
    "challenge_activity": "times of last use",
    "challenge_question": "last questions",
    "challenge_usage": "months of usage",
    "challenge_audit": "entries of the audit log",
    "challenge_zone": "zones of registrations",
}


@click.command("move-database")
@config_option
@click.argument("target")
@json_option
def move_database(path: Path, target: str, as_json: bool) -> None:
    """Copy the database to TARGET: PostgreSQL, or back to a file.

    TARGET is a postgresql:// URL (the password may be in PGPASSWORD) or the path of a file. The
    source is the database of the configuration, and stays as it is. It can be repeated, and then
    takes over what has changed since: copy while the service runs, stop it, copy once more, and
    put TARGET into the configuration as 'database'. A TARGET that was changed after it was copied
    to, or that holds anything else, is refused.
    """
    is_postgres = bool(re.match(POSTGRES_URL, target))
    if not target or (not is_postgres and "://" in target):
        raise InvalidInputError(
            "TARGET is neither a postgresql:// URL nor the path of a file: write it as"
            " postgresql://user@host/database or /var/lib/zoneproof/challenge.db"
        )
    if is_postgres:
        _check_url(target)
    config = load_config(path)
    if not database_exists(config):
        raise ConfigError(
            f"the database {config.database} does not exist: there is nothing to copy"
        )
    owner = service_user(config)
    if is_postgres:
        there = replace(config, postgres=target)
    else:
        file = Path(target).absolute()
        if config.postgres is None and file == config.database.absolute():
            raise InvalidInputError(
                f"{target} is the database that is to be copied: name another one"
            )
        there = replace(config, postgres=None, database=file)
        if owner is not None:
            make_folder_for(file.parent, owner)

    def progress(table: str, count: int) -> None:
        if sys.stderr.isatty():
            click.echo(f"\r\x1b[K{_NOUNS[table]} {count:,}", nl=False, err=True)

    async def main() -> dict[str, int]:
        source = open_database(config, may_only_read=True)
        try:
            opened = open_database(there, owner)
            try:
                return await move(source, opened, progress, ServiceAudit(Actor(person())))
            finally:
                await opened.close()
        finally:
            await source.close()

    counts = {_NOUNS[table]: count for table, count in asyncio.run(main()).items()}
    if sys.stderr.isatty():
        click.echo("\r\x1b[K", nl=False, err=True)
    tell(
        {noun.replace(" ", "_"): count for noun, count in counts.items()},
        "copied: " + ", ".join(f"{noun} {count:,}" for noun, count in counts.items()),
        as_json=as_json,
    )


def _check_url(target: str) -> None:
    """Warn of a password in the URL. Raises InvalidInputError, which shows no part of it."""
    from zoneproof.storage.postgres import PostgresServer

    try:
        server = PostgresServer(target)
    except InvalidInputError as error:
        raise InvalidInputError(f"TARGET: {error.message}") from error
    if server.has_password:
        warn_of_literals(["the password in TARGET"], "PGPASSWORD")
