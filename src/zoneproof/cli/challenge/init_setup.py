"""What ``zoneproof challenge init`` makes: the configuration, the database, the first key."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import pwd
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.dns.zonefile import compile_zones
from zoneproof.challengedns.ownership import acting_as
from zoneproof.challengedns.runtime.config_template import ConfigTemplate
from zoneproof.challengedns.runtime.privileges import (
    check_access,
    find_user,
    make_folder_for,
    service_user,
)
from zoneproof.challengedns.store import node_rows
from zoneproof.challengedns.store.audit import Actor, ServiceAudit
from zoneproof.challengedns.store.opening import open_database
from zoneproof.challengedns.store.tenants import Tenants
from zoneproof.cli.person import person
from zoneproof.core.errors import ConfigError, RegistrationError
from zoneproof.core.files import exists, link_or_copy
from zoneproof.storage import Transaction

if TYPE_CHECKING:
    from zoneproof.cli.challenge.init_node import PasswordFile

_OPTIONS = {
    "database": "--database",
    "dns.listen": "--dns-listen",
    "api.listen": "--api-listen",
    "api.domain": "--api-name",
    "node.name": "--node",
}


def set_up(
    path: Path, wanted: ConfigTemplate, tenant: str, *, force: bool, as_json: bool
) -> tuple[Config, str | None]:
    """Make the database and in it a tenant with a key; only then put the file where it counts.

    So what fails on the way leaves nothing that would be in the way of another try. There may be
    no new key for a node (:func:`_first_key`). The file names a draft of the database's password
    until the password is in its own place, so that what is there at any moment works. A file that
    is replaced is kept beside it, with ``.old`` at the end of its name, or ``.old.2``.
    """
    draft = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _password(path, wanted, force=force) as password:
                url = password.in_draft_url(wanted.database) if password else wanted.database
                config = _write(draft, replace(wanted, database=url))
                user = service_user(config)
                if not (as_json or wanted.node):
                    _tell_database(config.database, user)
                # Before there is a key, which would be lost with this failing.
                old = _keep_old(path) if path.exists() else None
                key = _first_key(config, user, tenant)
                if old and not as_json:
                    click.echo(f"The configuration that was there is kept: {old}")
                draft.replace(path)
                if password:
                    password.keep()
                    _write(draft, replace(wanted, database=password.in_url(wanted.database)))
                    draft.replace(path)
        except ConfigError as error:
            text = error.message.replace(f"{draft}: ", "").replace(str(draft), str(path))
            for setting, option in _OPTIONS.items():
                text = text.replace(f"'{setting}'", option)
            raise ConfigError(text) from error
        finally:
            draft.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigError(f"cannot write {path}: {error.strerror}") from error
    return load_config(path), key


def _write(draft: Path, wanted: ConfigTemplate) -> Config:
    """Write a configuration that the service's user can read, and load it."""
    draft.unlink(missing_ok=True)
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(wanted.text())
    config = load_config(draft)
    compile_zones(draft, config.zones)
    user = service_user(config)
    if user is not None:
        os.chown(draft, -1, user.pw_gid)
    return config


def _keep_old(path: Path) -> Path:
    """Keep a file that is to be replaced, with its owner and mode, and return where.

    What was kept before stays. A run that failed after this has kept it already.
    """
    old, content = path.with_name(f"{path.name}.old"), path.read_bytes()
    for number in itertools.count(2):
        if not os.path.lexists(old):
            break
        if old.is_file() and old.read_bytes() == content:
            return old
        old = path.with_name(f"{path.name}.old.{number}")
    link_or_copy(path, old)
    return old


def _tell_database(database: Path, user: pwd.struct_passwd | None) -> None:
    owner = user or pwd.getpwuid(os.geteuid())
    is_there = "already exists" if exists(database) else f"will belong to {owner.pw_name}"
    click.echo(f"Database: {database}, which {is_there}; --database chooses another place")


@contextlib.contextmanager
def _password(path: Path, wanted: ConfigTemplate, *, force: bool) -> Iterator[PasswordFile | None]:
    if wanted.node is None:
        yield None
        return
    from zoneproof.cli.challenge.init_node import password_file

    with password_file(
        wanted.database, path, find_user(wanted.user), may_replace=force
    ) as password:
        yield password


def _first_key(config: Config, user: pwd.struct_passwd | None, tenant: str) -> str | None:
    """Make the database and in it a tenant with a key; as root, for the service's user.

    A node gets no key where others are, or the tenant has one. Raises ConfigError for one that does
    not fit the others.
    """
    if user is not None:
        make_folder_for(config.database.parent, user)
        with acting_as(user.pw_uid, user.pw_gid):
            check_access(config, user.pw_name)

    tenants = Tenants(time.time, ServiceAudit(Actor(person())))

    def work(tx: Transaction) -> str | None:
        try:
            tenants.create(tx, tenant)
        except RegistrationError as error:
            if error.code != "already_exists":
                raise
            if config.node is not None and tenants.keys(tx, tenant=tenant, limit=1):
                return None
        return tenants.create_key(tx, tenant).key

    async def make() -> str | None:
        database = open_database(config, user)
        try:
            if config.node is not None:
                from zoneproof.cli.challenge.init_node import require_place

                others = await database.read(node_rows.nodes)
                require_place(others, config)
                if others:
                    return None
            return await database.write(work)
        finally:
            await database.close()

    return asyncio.run(make())
