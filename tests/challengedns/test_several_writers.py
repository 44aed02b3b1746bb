"""Quotas and counts with several nodes that write at once, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import pytest

from tests.support.peers.postgres import Postgres
from zoneproof.challengedns.store.postgres_database import PostgresDatabase
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.challengedns.store.tenants import known_tenant
from zoneproof.core.errors import InvalidInputError, RegistrationError
from zoneproof.core.names import DomainName
from zoneproof.storage import Transaction

T = TypeVar("T")

NODES = 3
RULES = Registrations(DomainName("auth.example.org"), 3600)


@pytest.fixture
def stores(postgres: Postgres, database: str) -> Iterator[list[PostgresDatabase]]:
    """Give the database as three nodes have it."""
    opened = [PostgresDatabase(postgres.url(database)) for _ in range(NODES)]
    yield opened

    async def close() -> None:
        for each in opened:
            await each.close()

    asyncio.run(close())


async def transact(
    database: PostgresDatabase, works: Sequence[Callable[[Transaction], T]]
) -> list[T | RegistrationError | InvalidInputError]:
    """Do each work in a transaction, and return what comes of them."""

    async def one(work: Callable[[Transaction], T]) -> T | RegistrationError | InvalidInputError:
        try:
            return await database.write(work)
        except (RegistrationError, InvalidInputError) as error:
            return error

    return list(await asyncio.gather(*map(one, works)))


async def at_once(
    stores: Sequence[PostgresDatabase], works: Sequence[Callable[[Transaction], T]]
) -> list[T | RegistrationError | InvalidInputError]:
    """Do the works at all nodes, each some of them."""
    shares = [transact(each, works[number::NODES]) for number, each in enumerate(stores)]
    return list(itertools.chain.from_iterable(await asyncio.gather(*shares)))


async def counts(database: PostgresDatabase, *names: str) -> list[tuple[int, int]]:
    """Return how many registrations are counted for each tenant, and how many there are."""

    def work(tx: Transaction) -> list[tuple[int, int]]:
        sql = "SELECT COUNT(*) FROM challenge_registration WHERE tenant = ?"
        return [
            (known_tenant(tx, name).registrations, int(str(tx.query(sql, [name])[0][0])))
            for name in names
        ]

    return await database.read(work)


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


async def test_three_hundred_who_register_at_once_get_exactly_what_the_quota_allows(
    stores: list[PostgresDatabase],
) -> None:
    await transact(stores[0], [creates("acme", 49)])
    results = await at_once(stores, [registers("acme")] * 300)
    refused = [each for each in results if isinstance(each, RegistrationError)]
    assert {each.code for each in refused} == {"quota_exceeded"}
    assert len(refused) == 251
    assert await counts(stores[1], "acme") == [(49, 49)]


async def test_counts_are_right_after_the_same_registrations_were_moved_and_deleted_at_once(
    stores: list[PostgresDatabase],
) -> None:
    await transact(stores[0], [creates("here", 12), creates("there", 12)])
    made = [str(each) for each in await transact(stores[0], [registers("here")] * 6)]
    works: list[Callable[[Transaction], object]] = []
    for subdomain in made:
        works += [assigns(subdomain, "there"), assigns(subdomain, "here")] * 3
    works += [deletes(subdomain) for subdomain in made[:3]] * 3
    works += [registers("there")] * 10
    await at_once(stores, works)
    (here, all_here), (there, all_there) = await counts(stores[1], "here", "there")
    assert (here, there) == (all_here, all_there)
    assert max(here, there) <= 12


async def test_a_tenant_is_not_deleted_while_somebody_registers(
    stores: list[PostgresDatabase],
) -> None:
    for number in range(10):
        name = f"brief{number}"
        await transact(stores[0], [creates(name, 5)])
        results = await at_once(stores, [registers(name), removes(name)])
        assert sum(isinstance(each, RegistrationError) for each in results) == 1
        if any(isinstance(each, str) for each in results):
            assert await counts(stores[1], name) == [(1, 1)]


async def test_what_was_refused_stays_so_when_a_lost_connection_lets_the_others_begin_again(
    stores: list[PostgresDatabase],
) -> None:
    store = stores[0]
    held, holding = threading.Event(), threading.Event()
    refusals = iter([RegistrationError("the quota is used up", code="quota_exceeded")])
    losses = iter(["SELECT pg_terminate_backend(pg_backend_pid())"])

    def hold(tx: Transaction) -> None:
        holding.set()
        held.wait(10)

    def refused_at_first(tx: Transaction) -> str:
        for error in refusals:
            raise error
        return RULES.register(tx, note="refused").subdomain

    def cut_off_at_first(tx: Transaction) -> str:
        for sql in losses:
            tx.query(sql)
        return RULES.register(tx, note="cut off").subdomain

    first = asyncio.create_task(store.write(hold))
    await asyncio.to_thread(holding.wait, 10)
    together = asyncio.create_task(transact(store, [refused_at_first, cut_off_at_first]))
    for _ in range(50):  # turns of the loop, until both wait for the writer
        await asyncio.sleep(0)
    held.set()
    await first
    refused, made = await together
    assert isinstance(refused, RegistrationError)
    found = await store.read(lambda tx: RULES.page(tx))
    assert [(each.note, each.subdomain) for each in found] == [("cut off", made)]
    await store.write(hold)
