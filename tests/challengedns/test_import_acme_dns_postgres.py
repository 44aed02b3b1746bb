"""An acme-dns with PostgreSQL is taken over, from a real server."""

from __future__ import annotations

import itertools
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.challengedns.acme_dns import (
    NOW,
    VERSION_0,
    VERSION_1_POSTGRES,
    Account,
    client,
    many,
    refusal,
    take_over,
)
from tests.support.challenge_service import ZONE, Service, everywhere, txt, update, write_config
from tests.support.peers.postgres import PASSWORD, USER, Postgres
from zoneproof.challengedns.importing.source import PAGE
from zoneproof.testing.ports import free_port

HOUR_AGO = NOW - 3600
ENCODED = "p%40ss%3Aword%2F%25"
_numbers = itertools.count()


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return write_config(tmp_path)


@asynccontextmanager
async def connected(postgres: Postgres, name: str) -> AsyncIterator[Any]:
    connection = await psycopg.AsyncConnection.connect(
        postgres.url(name), autocommit=True, cursor_factory=psycopg.AsyncRawCursor
    )
    try:
        yield connection
    finally:
        await connection.close()


async def make_database(
    postgres: Postgres, accounts: Sequence[Account], schema: Sequence[str] = VERSION_1_POSTGRES
) -> str:
    """Make a database of its own as acme-dns has it, and return its name."""
    name = f"acmedns{next(_numbers)}"
    async with connected(postgres, "postgres") as connection:
        await connection.execute(f"CREATE DATABASE {name}")
    async with connected(postgres, name) as connection:
        for statement in schema:
            await connection.execute(statement)
        for account in accounts:
            username, password, subdomain, allowfrom = account.record
            row = [username, password.decode(), subdomain]
            if schema == VERSION_0:
                row += [*account.values, ("", NOW)][0]
                await connection.execute(
                    "INSERT INTO records VALUES ($1, $2, $3, $4, $5, $6)", [*row, allowfrom]
                )
                continue
            await connection.execute(
                "INSERT INTO records VALUES ($1, $2, $3, $4)", [*row, allowfrom]
            )
            for slot in account.slots():
                await connection.execute(
                    "INSERT INTO txt (subdomain, value, lastupdate) VALUES ($1, $2, $3)", slot
                )
    return name


def url(postgres: Postgres, name: str, password: str = ENCODED) -> str:
    return f"postgres://{USER}:{password}@127.0.0.1:{postgres.port}/{name}?sslmode=disable"


@pytest.mark.parametrize("schema", [VERSION_0, VERSION_1_POSTGRES])
async def test_clients_go_on_with_their_keys_and_their_values_are_answered(
    postgres: Postgres, config: Path, schema: Sequence[str]
) -> None:
    account = Account(values=[(txt("a"), HOUR_AGO)], allowfrom=["127.0.0.0/8"])
    name = await make_database(postgres, [account, Account()], schema)
    outcome = await take_over(config, url(postgres, name))
    assert outcome.registrations == {"new": 2}
    assert outcome.values == {"new": 1}
    with Service(config) as service:
        assert everywhere(service, f"{account.subdomain}.{ZONE}") == {(txt("a"),)}
        for letter in "bc":
            assert update(service.url, client(account), txt(letter)).status == 200
    again = await take_over(config, url(postgres, name))
    assert again.registrations == {"there": 2}
    assert again.values == {"unused": 1}


async def test_many_accounts_come_page_by_page_while_acme_dns_adds_more(
    postgres: Postgres, config: Path
) -> None:
    count = PAGE + 10
    name = await make_database(postgres, many(count))
    async with connected(postgres, name) as connection, connection.transaction():
        await connection.execute("UPDATE txt SET value = $1, lastupdate = $2", [txt("z"), NOW])
        outcome = await take_over(config, url(postgres, name))
    assert outcome.registrations == {"new": count}
    assert outcome.progress == [(PAGE, count), (count, count)]
    assert outcome.values == {}
    outcome = await take_over(config, url(postgres, name))
    assert outcome.registrations == {"there": count}
    assert outcome.values == {"new": count, "unused": count}


async def test_the_database_is_not_written_to(postgres: Postgres, config: Path) -> None:
    name = await make_database(postgres, [Account(values=[(txt("a"), NOW)])])
    async with connected(postgres, "postgres") as connection:
        await connection.execute(f"CREATE ROLE reader_{name} LOGIN PASSWORD 'r'")
    async with connected(postgres, name) as connection:
        await connection.execute(f"GRANT SELECT ON acmedns, records, txt TO reader_{name}")
    read_only = f"postgresql://reader_{name}:r@127.0.0.1:{postgres.port}/{name}"
    assert (await take_over(config, read_only)).registrations == {"new": 1}


@pytest.mark.parametrize("password", [ENCODED, "p@ss:word%2F%25"])
async def test_the_password_can_stand_in_the_url_as_acme_dns_takes_it(
    postgres: Postgres, config: Path, password: str
) -> None:
    name = await make_database(postgres, [Account()])
    await take_over(config, url(postgres, name, password))


async def test_the_password_can_come_from_the_environment(
    postgres: Postgres, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = await make_database(postgres, [Account()])
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    await take_over(config, f"postgres://{USER}@127.0.0.1:{postgres.port}/{name}")


# --- what cannot be read -----------------------------------------------------------------------


async def test_a_wrong_password_is_said_and_not_shown(postgres: Postgres, config: Path) -> None:
    line = await refusal(config, url(postgres, "postgres", "wr0ngsecret"))
    assert "password authentication failed" in line
    assert "PostgreSQL at 127.0.0.1, database 'postgres'" in line
    assert "wr0ngsecret" not in line


async def test_a_missing_password_is_said(
    postgres: Postgres, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PGPASSWORD", raising=False)
    line = await refusal(config, f"postgres://{USER}@127.0.0.1:{postgres.port}/postgres")
    assert "password" in line


async def test_a_database_that_is_not_there_is_said(postgres: Postgres, config: Path) -> None:
    assert 'database "nowhere" does not exist' in await refusal(config, url(postgres, "nowhere"))


async def test_a_database_without_the_tables_is_said(postgres: Postgres, config: Path) -> None:
    line = await refusal(config, url(postgres, "postgres"))
    assert "it has no table 'records'" in line
    assert not (config.parent / "challenge.db").exists()


async def test_a_newer_schema_is_said(postgres: Postgres, config: Path) -> None:
    name = await make_database(postgres, [])
    async with connected(postgres, name) as connection:
        await connection.execute("UPDATE acmedns SET value = '2'")
    assert "db_version '2'" in await refusal(config, url(postgres, name))


async def test_a_table_that_may_not_be_read_is_said(postgres: Postgres, config: Path) -> None:
    name = await make_database(postgres, [])
    async with connected(postgres, name) as connection:
        await connection.execute(f"CREATE ROLE stranger_{name} LOGIN PASSWORD 's'")
        await connection.execute(f"GRANT SELECT ON acmedns, txt TO stranger_{name}")
        await connection.execute(f"GRANT INSERT ON records TO stranger_{name}")
    stranger = f"postgres://stranger_{name}:s@127.0.0.1:{postgres.port}/{name}"
    assert "permission denied for table records" in await refusal(config, stranger)


async def test_a_server_that_is_down_is_said(config: Path) -> None:
    line = await refusal(config, f"postgres://{USER}:secret@127.0.0.1:{free_port()}/acmedns")
    assert "cannot connect to PostgreSQL at 127.0.0.1, database 'acmedns'" in line
    assert "secret" not in line


async def test_an_unknown_parameter_is_said(postgres: Postgres, config: Path) -> None:
    assert "nonsense" in await refusal(config, url(postgres, "postgres") + "&nonsense=1")


@pytest.mark.parametrize(
    "text",
    [
        "postgres://user:pa/s3cret@host/db",
        "postgres://user:pa#s3cret@host/db",
        "postgres://user:pa?s3cret@host/db",
        "postgres://user:s3cret",
        "postgres://[s3cret",
        "postgres://:5432s3cret/db",
        "postgresql://user:p@host:s3cret/db",
        "postgres://user:s3cret@host/db?sslmode=s3cret",
        "postgres://user:s3cret@host/db?s3cret",
    ],
)
async def test_a_url_that_cannot_be_understood_is_not_repeated(config: Path, text: str) -> None:
    line = await refusal(config, text)
    assert "postgres://user:password@host:5432/database" in line
    assert "s3cret" not in line


async def test_without_psycopg_it_says_what_to_install(
    config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    line = await refusal(config, "postgres://user@host/db")
    assert "install '.[postgres]'" in line
