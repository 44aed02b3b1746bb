"""A PostgreSQL for the tests of nodes, and a database in it for each."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

import pytest

from tests.support.peers.postgres import Postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with Postgres() as running:
        yield running


@pytest.fixture
def database(postgres: Postgres) -> str:
    name = f"zoneproof{secrets.token_hex(4)}"
    postgres.create(name)
    return name
