"""Quotas and counts with several writers: on a real PostgreSQL, at its default isolation."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import asyncpg  # type: ignore[import-untyped]
import pytest

from tests.support.peers.postgres import PASSWORD, USER, Postgres
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.tenants import known_tenant
from zoneproof.core.errors import InvalidInputError, RegistrationError
from zoneproof.core.names import DomainName
from zoneproof.storage import Row, Transaction, Value, load_migrations
from zoneproof.storage.migrations import apply_migrations

T = TypeVar("T")

WRITERS = 8
RULES = Registrations(DomainName("auth.example.org"), 3600)


class PostgresTransaction:
    """The Transaction protocol, in a thread with an event loop of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop, connection: Any) -> None:
        self._loop = loop
        self._connection = connection

    def query(self, sql: str, parameters: Sequence[Value] = ()) -> list[Row]:
        found = self._loop.run_until_complete(self._connection.fetch(_numbered(sql), *parameters))
        return [tuple(row) for row in found]

    def execute(self, sql: str, parameters: Sequence[Value] = ()) -> int:
        done = self._loop.run_until_complete(self._connection.execute(_numbered(sql), *parameters))
        last = done.rpartition(" ")[2]
        return int(last) if last.isdigit() else 0


def _numbered(sql: str) -> str:
    numbers = itertools.count(1)
    return "".join(f"${next(numbers)}" if each == "?" else each for each in sql)


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with Postgres() as running:
        transact(
            running,
            [lambda tx: apply_migrations(tx, load_migrations("zoneproof.challengedns"), "it")],
        )
        yield running


def transact(
    postgres: Postgres, works: Sequence[Callable[[Transaction], T]]
) -> list[T | RegistrationError | InvalidInputError]:
    """Do each work in a transaction, one after the other; return what comes of them.

    One that waits for another that waits for it is done again.
    """
    loop = asyncio.new_event_loop()
    connection = loop.run_until_complete(
        asyncpg.connect(
            host="127.0.0.1", port=postgres.port, user=USER, password=PASSWORD, database="postgres"
        )
    )
    tx = PostgresTransaction(loop, connection)
    results: list[T | RegistrationError | InvalidInputError] = []
    for work in works:
        while True:
            transaction = connection.transaction()
            loop.run_until_complete(transaction.start())
            try:
                result = work(tx)
            except asyncpg.DeadlockDetectedError:
                loop.run_until_complete(transaction.rollback())
            except (RegistrationError, InvalidInputError) as error:
                loop.run_until_complete(transaction.rollback())
                results.append(error)
                break
            else:
                loop.run_until_complete(transaction.commit())
                results.append(result)
                break
    loop.run_until_complete(connection.close())
    loop.close()
    return results


def at_once(
    postgres: Postgres, works: Sequence[Callable[[Transaction], T]]
) -> list[T | RegistrationError | InvalidInputError]:
    """Do the works with several writers, each some of them."""
    shares = [works[number::WRITERS] for number in range(WRITERS)]
    with ThreadPoolExecutor(WRITERS) as pool:
        results = pool.map(lambda share: transact(postgres, share), shares)
        return list(itertools.chain.from_iterable(results))


def counts(postgres: Postgres, *names: str) -> list[tuple[int, int]]:
    """Return how many registrations are counted for each tenant, and how many there are."""

    def work(tx: Transaction) -> list[tuple[int, int]]:
        sql = "SELECT COUNT(*) FROM challenge_registration WHERE tenant = ?"
        return [
            (known_tenant(tx, name).registrations, int(str(tx.query(sql, [name])[0][0])))
            for name in names
        ]

    (found,) = transact(postgres, [work])
    assert isinstance(found, list)
    return found


def creates(name: str, quota: int) -> Callable[[Transaction], object]:
    return lambda tx: RULES.tenants.create(tx, name, quota=quota)


def removes(name: str) -> Callable[[Transaction], object]:
    return lambda tx: RULES.tenants.delete(tx, name)


def assigns(subdomain: str, tenant: str) -> Callable[[Transaction], object]:
    return lambda tx: RULES.assign(tx, [subdomain], tenant)


def deletes(subdomain: str) -> Callable[[Transaction], object]:
    return lambda tx: RULES.delete(tx, subdomain)


def registers(tenant: str) -> Callable[[Transaction], object]:
    return lambda tx: RULES.register(tx, tenant=tenant).subdomain


def test_three_hundred_who_register_at_once_get_exactly_what_the_quota_allows(
    postgres: Postgres,
) -> None:
    transact(postgres, [creates("acme", 49)])
    results = at_once(postgres, [registers("acme")] * 300)
    refused = [each for each in results if isinstance(each, RegistrationError)]
    assert {each.code for each in refused} == {"quota_exceeded"}
    assert len(refused) == 251
    assert counts(postgres, "acme") == [(49, 49)]


def test_counts_are_right_after_the_same_registrations_were_moved_and_deleted_at_once(
    postgres: Postgres,
) -> None:
    transact(postgres, [creates("here", 12), creates("there", 12)])
    made = [str(each) for each in transact(postgres, [registers("here")] * 6)]
    works: list[Callable[[Transaction], object]] = []
    for subdomain in made:
        works += [assigns(subdomain, "there"), assigns(subdomain, "here")] * 3
    works += [deletes(subdomain) for subdomain in made[:3]] * 3
    works += [registers("there")] * 10
    at_once(postgres, works)
    (here, all_here), (there, all_there) = counts(postgres, "here", "there")
    assert (here, there) == (all_here, all_there)
    assert max(here, there) <= 12


def test_a_tenant_is_not_deleted_while_somebody_registers(postgres: Postgres) -> None:
    for number in range(10):
        name = f"brief{number}"
        transact(postgres, [creates(name, 5)])
        results = at_once(postgres, [registers(name), removes(name)])
        assert sum(isinstance(each, RegistrationError) for each in results) == 1
        if any(isinstance(each, str) for each in results):
            assert counts(postgres, name) == [(1, 1)]
