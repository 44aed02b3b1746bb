"""Nodes join, change their zones, and leave the list: nobody is left out of what others ask."""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path

import psycopg
import pytest

from tests.challengedns.wrong_clock import WrongClock
from tests.support.challenge_service import challenge_command, register, txt, update
from tests.support.nodes import ZONE, Cluster, publish, wait_for_leases, wait_until
from tests.support.peers.postgres import Postgres
from zoneproof.challengedns.store.postgres_database import PostgresDatabase
from zoneproof.challengedns.store.registrations import Registrations
from zoneproof.core.errors import UnconfirmedChangeError
from zoneproof.core.names import DomainName


def test_the_address_of_a_node_is_changed_by_reloading_it(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    def address_of_b() -> object:
        rows = postgres.run(
            "SELECT address FROM challenge_node WHERE name = 'b'", database=database
        )
        return rows[0][0]

    with Cluster(tmp_path, postgres, database, ("a", "b")) as (_, b):
        before = f"127.0.0.1:{b.dns.port}"
        assert address_of_b() == before
        b.config.write_text(b.config.read_text().replace(before, f"127.0.0.1:{b.fixed_port}"))
        b.process.send_signal(signal.SIGHUP)
        b.wait_for_line("configuration reloaded")
        wait_until(lambda: address_of_b() != before, "the others are not told")
        assert address_of_b() == f"127.0.0.1:{b.fixed_port}"
        assert not any("change only at a restart" in line for line in b.lines)


def test_an_address_that_leads_back_to_who_asks_is_no_other_node(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with Cluster(tmp_path, postgres, database, ("a", "b")) as (a, b):
        account = register(a.url)
        publish(a, account, txt("a"))
        b.dns.target = a.fixed_port
        a.cut(database=True)
        wait_until(lambda: not a.holds_lease(), "it keeps its lease")
        publish(b, account, txt("b"))
        assert a.says(account.fulldomain) == "SERVFAIL"


def test_a_new_node_waits_until_one_that_is_down_is_back_or_removed(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    cluster = Cluster(tmp_path, postgres, database)
    newcomer = cluster.nodes.pop()
    with cluster as (a, b), newcomer.database, newcomer.dns:
        account = register(a.url)
        publish(a, account, txt("a"))
        b.kill()
        publish(a, account, txt("b"))
        with newcomer:
            newcomer.wait_for_line("node 'b' is down, and must know of a new node")
            assert newcomer.says(account.fulldomain) == "SERVFAIL"
            assert update(newcomer.url, account, txt("c")).status == 500
            done = challenge_command(a.config, "node", "remove", "b", "--yes")
            assert done.status == 0, done.stderr
            wait_for_leases(newcomer)
            assert newcomer.answers(account.fulldomain) == [txt("a"), txt("b")]
            publish(newcomer, account, txt("c"))
            b.start()
            wait_for_leases(b)
            for node in (a, b, newcomer):
                assert node.answers(account.fulldomain) == [txt("a"), txt("b"), txt("c")]


def test_a_new_node_whose_clock_is_ahead_answers_what_was_acknowledged(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    clock = WrongClock(tmp_path, 30 * 86_400)
    cluster = Cluster(tmp_path, postgres, database, ("a", "b"))
    newcomer = cluster.nodes.pop()
    newcomer._environment |= clock.environment
    with cluster as (a,), newcomer.database, newcomer.dns:
        account = register(a.url)
        publish(a, account, txt("a"))
        with newcomer:
            wait_for_leases(newcomer)
            assert newcomer.answers(account.fulldomain) == [txt("a")]
            publish(newcomer, account, txt("b"))
            assert a.answers(account.fulldomain) == [txt("a"), txt("b")]
            assert newcomer.answers(account.fulldomain) == [txt("a"), txt("b")]


def test_a_node_that_was_removed_by_mistake_joins_again(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with Cluster(tmp_path, postgres, database, ("a", "b")) as (a, b):
        account = register(a.url)
        publish(a, account, txt("a"))
        postgres.run("DELETE FROM challenge_node WHERE name = 'b'", database=database)
        b.wait_for_line("it was removed from the list of nodes")
        wait_for_leases(b)
        publish(a, account, txt("b"))
        assert b.answers(account.fulldomain) == [txt("a"), txt("b")]


def test_an_update_that_a_node_never_acknowledges_is_stored_and_not_confirmed(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    ended = threading.Event()

    def renew() -> None:
        with psycopg.connect(postgres.url(database), autocommit=True) as connection:
            while not ended.wait(0.2):
                connection.execute(
                    "UPDATE challenge_node SET renewal = renewal + 1 WHERE name = 'dumb'"
                )

    with Cluster(tmp_path, postgres, database, ("a",)) as (a,):
        account = register(a.url)
        publish(a, account, txt("a"))
        a.stop()
        postgres.run(
            "INSERT INTO challenge_node SELECT 'dumb', '127.0.0.1:1', version, zones, 1, 0, 0, 0,"
            " renewed_at FROM challenge_node",
            "UPDATE challenge_node SET renewal = 0, lost = 0 WHERE name <> 'dumb'",
            database=database,
        )
    store = PostgresDatabase(postgres.url(database))
    renewing = threading.Thread(target=renew)
    renewing.start()
    rules = Registrations(DomainName(ZONE), 3600)

    async def unconfirmed() -> list[str]:
        try:
            with pytest.raises(UnconfirmedChangeError, match=r"stored, but not yet .*\(dumb\)"):
                await store.write(lambda tx: rules.publish(tx, account.subdomain, txt("b")))
            values = await store.read(lambda tx: rules.values(tx, account.subdomain))
            return [value for value, _ in values]
        finally:
            ended.set()
            renewing.join()
            await store.close()

    assert asyncio.run(unconfirmed()) == [txt("a"), txt("b")]


def test_zones_are_changed_by_reloading_one_node_after_the_other(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with Cluster(tmp_path, postgres, database, ("a", "b")) as (a, b):
        for node in (a, b):
            node.write_config(records='new TXT "here"')
        a.process.send_signal(signal.SIGHUP)
        a.wait_for_line("configuration reloaded")
        a.wait_for_line("nodes that serve other zones than this one: b")
        assert b.answers(f"new.{ZONE}") == "NXDOMAIN"
        b.process.send_signal(signal.SIGHUP)
        b.wait_for_line("configuration reloaded")
        for node in (a, b):
            assert node.answers(f"new.{ZONE}") == ["here"]
        b.stop()
        b.start()
        wait_until(b.holds_lease, "it gets no lease")
