"""A PostgreSQL for the tests of the service, and its database in the two places for it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.support.clock import Clock
from tests.support.opened_service import OpenRegistrations, open_registrations
from tests.support.peers.postgres import Postgres
from zoneproof.challengedns.store.postgres_database import PostgresDatabase
from zoneproof.core.names import DomainName

_TEMPLATE = "zoneproof_template"


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres() as running:
        PostgresDatabase(running.create(_TEMPLATE)).migrate()
        yield running


@pytest.fixture
def database(postgres: Postgres) -> str:
    """Return the name of a database that nobody has used."""
    name = f"zoneproof{secrets.token_hex(4)}"
    # Files in memory are copied in less time than pages are written to the log.
    postgres.run(f"CREATE DATABASE {name} TEMPLATE {_TEMPLATE} STRATEGY FILE_COPY")
    return name


@pytest.fixture(params=["sqlite", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Path | str:
    """Return where a test's database is: the path of a file, or a URL."""
    if request.param == "sqlite":
        return tmp_path / "challenge.db"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.url(request.getfixturevalue("database"))


@pytest.fixture
async def opened(place: Path | str, clock: Clock) -> AsyncIterator[OpenRegistrations]:
    """Open the database, with the ``clock`` that a file of tests has."""
    found = open_registrations(
        place, zone=DomainName("auth.example.org"), value_lifetime=3600, clock=clock
    )
    yield found
    await found.close()
