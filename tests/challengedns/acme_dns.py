"""Databases of acme-dns, with the tables, types and cells that its ``db.go`` makes.

``db.go`` of v0.1 has version 0: one table, and one value for each account. Version 1 comes from
``db.go`` of v0.2 to v1.1 and ``pkg/database/db.go`` of v2, which differ in nothing that is stored;
later v2 adds an index and lets the configuration say how many slots an account has.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import os
import secrets
import sqlite3
import time
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import pytest

from tests.support import challenge_service
from tests.support.challenge_service import open_for
from tests.support.command import Result, run_zoneproof
from tests.support.opened_service import OpenRegistrations
from zoneproof.challengedns.config import load_config
from zoneproof.challengedns.importing.takeover import LeftOut, Summary, import_acme_dns
from zoneproof.challengedns.store.authentication import Caller
from zoneproof.core.errors import ZoneproofError

VERSION_0 = (
    "CREATE TABLE records (Username TEXT UNIQUE NOT NULL PRIMARY KEY,"
    " Password TEXT UNIQUE NOT NULL, Subdomain TEXT UNIQUE NOT NULL,"
    " Value TEXT, LastActive INT, AllowFrom TEXT)",
)
VERSION_1 = (
    "CREATE TABLE acmedns (Name TEXT, Value TEXT)",
    "CREATE TABLE records (Username TEXT UNIQUE NOT NULL PRIMARY KEY,"
    " Password TEXT UNIQUE NOT NULL, Subdomain TEXT UNIQUE NOT NULL, AllowFrom TEXT)",
    "CREATE TABLE txt (Subdomain TEXT NOT NULL, Value TEXT NOT NULL DEFAULT '', LastUpdate INT)",
    "INSERT INTO acmedns (Name, Value) VALUES ('db_version', '1')",
)
VERSION_1_POSTGRES = tuple(
    statement.replace("txt (", "txt (rowid SERIAL, ") for statement in VERSION_1
)
NEWEST = (*VERSION_1, "CREATE INDEX idx_txt_subdomain ON txt (Subdomain)")

NOW = int(time.time())


@dataclass
class Account:
    """What a client of acme-dns has, and what acme-dns stores: a hash of cost 10, here of 4."""

    username: str = field(default_factory=lambda: str(uuid.uuid4()))
    key: str = field(default_factory=lambda: secrets.token_urlsafe(30))
    subdomain: str = field(default_factory=lambda: str(uuid.uuid4()))
    allowfrom: Sequence[str] = ()
    values: Sequence[tuple[str, int]] = ()
    password: bytes = b""

    def __post_init__(self) -> None:
        if not self.password:
            salt = bcrypt.gensalt(4, prefix=b"2a")
            self.password = bcrypt.hashpw(self.key.encode(), salt)

    @property
    def record(self) -> tuple[Any, ...]:
        """The row of ``records``. acme-dns hands the hash over as bytes: in SQLite it is a blob."""
        return (self.username, self.password, self.subdomain, json.dumps(list(self.allowfrom)))

    def slots(self, count: int = 2) -> list[tuple[str, str, int]]:
        """The rows of ``txt``: those that were never used are empty, with the time 0."""
        empty = [("", 0)] * (count - len(self.values))
        return [(self.subdomain, value, updated) for value, updated in [*self.values, *empty]]


def many(count: int) -> list[Account]:
    """Return accounts that nobody can use: to hash the keys of so many would take long."""
    return [Account(password=b"$2a$10$" + os.urandom(27).hex()[:53].encode()) for _ in range(count)]


def write_sqlite(
    path: Path, accounts: Sequence[Account] = (), schema: Sequence[str] = VERSION_1, slots: int = 2
) -> Path:
    """Make a SQLite file as acme-dns has it."""
    with closing(sqlite3.connect(path)) as database, database:
        for statement in schema:
            database.execute(statement)
    add(path, accounts, slots=slots)
    return path


def add(path: Path, accounts: Sequence[Account], *, slots: int = 2) -> None:
    """Add accounts, as somebody who registers and updates."""
    with closing(sqlite3.connect(path)) as database, database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(records)")]
        for account in accounts:
            if "Value" not in columns:
                database.execute("INSERT INTO records VALUES (?, ?, ?, ?)", account.record)
                database.executemany("INSERT INTO txt VALUES (?, ?, ?)", account.slots(slots))
                continue
            username, password, subdomain, allowfrom = account.record
            value, updated = [*account.values, ("", NOW)][0]
            row = (username, password, subdomain, value, updated, allowfrom)
            database.execute("INSERT INTO records VALUES (?, ?, ?, ?, ?, ?)", row)


def run(path: Path, sql: str, *parameters: object) -> None:
    """Change the file by hand."""
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(sql, parameters)


# --- importing ---------------------------------------------------------------------------------


@dataclass
class Outcome:
    """What an import did."""

    summary: Summary
    left_out: list[LeftOut]
    progress: list[tuple[int, int]]

    @property
    def registrations(self) -> dict[str, int]:
        return {kind: count for kind, count in self.summary.registrations.items() if count}

    @property
    def values(self) -> dict[str, int]:
        return {kind: count for kind, count in self.summary.values.items() if count}


async def take_over(
    config: Path,
    source: Path | str,
    *,
    dry_run: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Outcome:
    """Import into the database of a configuration."""
    left_out: list[LeftOut] = []
    progress: list[tuple[int, int]] = []

    def note(done: int, total: int) -> None:
        progress.append((done, total))
        on_progress(done, total)

    summary = await import_acme_dns(
        load_config(config),
        str(source),
        dry_run=dry_run,
        left_out=left_out.append,
        progress=note,
    )
    return Outcome(summary, left_out, progress)


@contextlib.asynccontextmanager
async def registrations_of(config: Path) -> AsyncIterator[OpenRegistrations]:
    """Open the registrations that were imported."""
    opened = open_for(load_config(config))
    try:
        yield opened
    finally:
        await opened.close()


def caller(account: Account, *, key: str = "", address: str = "192.0.2.1") -> Caller:
    """Return the client of an account as one who asks."""
    return Caller(account.username, key or account.key, ipaddress.ip_address(address))


def client(account: Account) -> challenge_service.Account:
    """Return the client of an account as one who uses the HTTP API."""
    return challenge_service.Account(account.username, account.key, account.subdomain, "")


async def refusal(config: Path, source: Path | str) -> str:
    """Return the one line that is said instead of importing."""
    with pytest.raises(ZoneproofError) as error:
        await take_over(config, source)
    assert error.value.message.isprintable()
    return error.value.message


def command(config: Path, source: Path | str, *options: str) -> Result:
    """Run ``zoneproof challenge import-acme-dns``."""
    where = ["--config", str(config)]
    return run_zoneproof("challenge", "import-acme-dns", *where, *options, str(source))
