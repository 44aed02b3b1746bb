"""A database is copied from a file to PostgreSQL and back, in several goes."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.challenge_service import (
    Service,
    challenge_command,
    register,
    request,
    txt,
    update,
    write_config,
)
from tests.support.clock import Clock
from tests.support.nodes import Cluster, publish
from tests.support.opened_service import OpenRegistrations
from tests.support.peers.postgres import Postgres
from zoneproof.challengedns.store.audit import Actor, ServiceAudit
from zoneproof.challengedns.store.authentication import Caller
from zoneproof.challengedns.store.moving import move_database
from zoneproof.challengedns.store.remembered_zones import take_up
from zoneproof.challengedns.store.sqlite_database import open_sqlite_database
from zoneproof.core.errors import StorageError

ADDRESS = ipaddress.ip_address("192.0.2.1")
NOT_COPIED = {
    "challenge_change",  # whoever followed these has to read everything
    "challenge_copy",
    "challenge_generation",
    "challenge_node",
    "challenge_session",
    "challenge_value_time",
}


@pytest.fixture
def clock() -> Clock:
    return Clock(now=1_802_000_000.0)


def test_a_machine_moves_to_nodes_and_back_while_it_runs(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    alone = tmp_path / "alone"
    alone.mkdir()
    config = write_config(alone)
    url = postgres.url(database)
    with Service(config) as service:
        key = challenge_command(config, "tenant", "create", "acme", "--quota", "3")
        assert key.status == 0, key.stderr
        kept, gone = register(service.url), register(service.url)
        for account in (kept, gone):
            publish(service, account, txt("a"))
        first = challenge_command(config, "move-database", url, "--json")
        assert first.status == 0, first.stderr
        assert json.loads(first.stdout)["registrations"] == 2
        publish(service, kept, txt("b"))
        assert update(service.url, kept, txt("a"), method="DELETE").status == 200
        assert (
            challenge_command(config, "registration", "delete", gone.subdomain, "--yes").status == 0
        )
    second = challenge_command(config, "move-database", url)
    assert second.stdout.startswith("copied: tenants 1, keys 0, deleted names 1, registrations 1")
    with Cluster(tmp_path, postgres, database, ("a", "b")) as nodes:
        for node in nodes:
            assert node.answers(kept.fulldomain) == [txt("b")]
            assert node.answers(gone.fulldomain) == "NXDOMAIN"
        publish(nodes[1], kept, txt("c"))
        refused = challenge_command(config, "move-database", url)
        assert refused.status == 1
        assert "the target is in use, node 'a' holds a lease" in refused.stderr
        assert nodes[0].answers(kept.fulldomain) == [txt("b"), txt("c")]
        newcomer = register(nodes[0].url)
        refused = challenge_command(config, "move-database", url)
        assert refused.status == 1
        assert "node 'a' holds a lease" in refused.stderr
        publish(nodes[0], newcomer, txt("n"))
        assert request(nodes[0].url, "GET", "/health").status == 200
        log = json.loads(challenge_command(nodes[0].config, "audit", "--json").stdout)["entries"]
        assert [one["action"] for one in log] == [
            "database move",
            "registration delete",
            "tenant create",
        ]
        refused = challenge_command(nodes[0].config, "move-database", f"{tmp_path}/")
        assert refused.status == 1
        assert f"{tmp_path}: it is a directory: name a file in it" in refused.stderr
        back = tmp_path / "back.db"
        done = challenge_command(nodes[0].config, "move-database", str(back))
        assert done.status == 0, done.stderr
    refused = challenge_command(config, "move-database", url)
    assert refused.status == 1
    assert "the target was changed after it was copied to" in refused.stderr
    (alone / "challenge.db").unlink()
    for leftover in alone.glob("challenge.db-*"):
        leftover.unlink()
    back.rename(alone / "challenge.db")
    with Service(config) as service:
        assert service.texts(kept.fulldomain) == [txt("b"), txt("c")]
        assert service.texts(newcomer.fulldomain) == [txt("n")]
        publish(service, kept, txt("d"))


async def test_what_is_registered_meanwhile_comes_with_the_next_copy(
    opened: OpenRegistrations, tmp_path: Path
) -> None:
    await opened.tenants.create("team")
    first = await opened.register(tenant="team")
    loop = asyncio.get_running_loop()

    async def publish_anew() -> None:
        await opened.tenants.create("late")
        made = await opened.register(tenant="late")
        await opened.update(Caller(made.username, made.password, ADDRESS), made.subdomain, txt("a"))

    def progress(table: str, count: int) -> None:
        if table == "challenge_registration":
            asyncio.run_coroutine_threadsafe(publish_anew(), loop).result()

    def nothing(table: str, count: int) -> None:
        pass

    target = open_sqlite_database(tmp_path / "target.db")
    audit = ServiceAudit(Actor("test"))
    copied = await move_database(opened.database, target, progress, audit)
    assert (copied["challenge_registration"], copied["challenge_value"]) == (1, 0)
    ((subdomain,),) = await target.read(
        lambda tx: tx.query("SELECT subdomain FROM challenge_registration")
    )
    assert subdomain == first.subdomain
    copied = await move_database(opened.database, target, nothing, audit)
    assert (copied["challenge_registration"], copied["challenge_value"]) == (2, 1)
    await target.close()


async def test_the_zones_that_a_service_remembers_come_along(
    opened: OpenRegistrations, tmp_path: Path
) -> None:
    await opened.database.write(lambda tx: take_up(tx, ["a.test", "b.test"]))
    target = open_sqlite_database(tmp_path / "target.db")
    await target.write(lambda tx: take_up(tx, ["a.test", "other.test"]))
    zones = [("a.test",), ("b.test",)]
    for _ in range(2):
        copied = await move_database(
            opened.database, target, lambda table, count: None, ServiceAudit(Actor("test"))
        )
        assert copied["challenge_zone"] == 2
        kept = await target.read(lambda tx: tx.query("SELECT name FROM challenge_zone"))
        assert sorted(kept) == zones
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'challenge_%'"
    every = await target.read(lambda tx: tx.query(tables))
    assert {name for (name,) in every} == {*copied, *NOT_COPIED}
    await target.close()


async def test_a_copy_that_was_cut_off_continues(opened: OpenRegistrations, tmp_path: Path) -> None:
    await opened.tenants.create("team")
    audit = ServiceAudit(Actor("test"))
    await opened.with_settings(audit=audit).register(tenant="team")

    def cut_off(table: str, count: int) -> None:
        if table == "challenge_audit":
            raise ConnectionAbortedError

    target = open_sqlite_database(tmp_path / "target.db")
    with pytest.raises(ConnectionAbortedError):
        await move_database(opened.database, target, cut_off, audit)
    copied = await move_database(opened.database, target, lambda table, count: None, audit)
    assert copied["challenge_registration"] == 1
    await target.close()


async def test_a_target_that_is_changed_during_the_copy_is_left_alone(
    opened: OpenRegistrations, tmp_path: Path
) -> None:
    await opened.tenants.create("team")
    target = open_sqlite_database(tmp_path / "target.db")
    there = OpenRegistrations(target, opened.rules)
    loop = asyncio.get_running_loop()

    def progress(table: str, count: int) -> None:
        if table == "challenge_tenant":
            asyncio.run_coroutine_threadsafe(there.register(), loop).result()

    with pytest.raises(StorageError, match="the target was changed"):
        await move_database(opened.database, target, progress, ServiceAudit(Actor("test")))
    registrations = "SELECT COUNT(*) FROM challenge_registration"
    assert await target.read(lambda tx: tx.query(registrations)) == [(1,)]
    await target.close()


def a_service(folder: Path) -> Path:
    """Make the folder of a service and return its configuration."""
    folder.mkdir()
    return write_config(folder)


def contents(config: Path) -> list[str]:
    with closing(sqlite3.connect(config.parent / "challenge.db")) as connection:
        return list(connection.iterdump())


def test_a_copy_undoes_nothing_that_was_done_in_the_target(tmp_path: Path) -> None:
    source = a_service(tmp_path / "source")
    with Service(source) as service:
        account = register(service.url)
        assert challenge_command(source, "tenant", "create", "acme").status == 0
        made = challenge_command(source, "key", "create", "acme", "--json")
    key = json.loads(made.stdout)["id"]
    changes = (
        ("registration", "rotate", account.subdomain, "--yes"),
        ("registration", "allow", account.subdomain, "10.0.0.0/8"),
        ("tenant", "create", "other"),
        ("key", "revoke", key, "--yes"),
        ("key", "create", "--operator"),
    )
    for number, change in enumerate(changes):
        target = a_service(tmp_path / f"target{number}")
        move = ("move-database", str(target.parent / "challenge.db"))
        for _ in range(2):
            done = challenge_command(source, *move)
            assert done.status == 0, done.stderr
        done = challenge_command(target, *change)
        assert done.status == 0, done.stderr
        before = contents(target)
        refused = challenge_command(source, *move)
        assert refused.status == 1, change
        assert refused.stderr == (
            "zoneproof: the target was changed after it was copied to, which another copy would"
            " undo: name another target, or empty this one first\n"
        )
        assert contents(target) == before


def test_a_database_that_came_from_elsewhere_is_no_target(tmp_path: Path) -> None:
    first, second, used = (a_service(tmp_path / name) for name in ("first", "second", "used"))
    for config in (first, second):
        with Service(config):
            pass
        assert challenge_command(config, "tenant", "create", "acme").status == 0
    copy = str(tmp_path / "copy.db")
    assert challenge_command(first, "move-database", copy).status == 0
    for source, target in ((second, copy), (first, str(second.parent / "challenge.db"))):
        refused = challenge_command(source, "move-database", target)
        assert refused.status == 1
        assert "the target holds what did not come from this database" in refused.stderr
    in_use = used.parent / "challenge.db"
    assert challenge_command(first, "move-database", str(in_use)).status == 0
    with Service(used):
        refused = challenge_command(first, "move-database", str(in_use))
        assert "the target was changed after it was copied to" in refused.stderr


def test_nodes_are_listed_and_one_that_is_off_is_removed(
    tmp_path: Path, postgres: Postgres, database: str
) -> None:
    with Cluster(tmp_path, postgres, database, ("a", "b")) as nodes:
        config = nodes[0].config
        account = register(nodes[0].url)
        publish(nodes[0], account, txt("a"))
        listed = json.loads(challenge_command(config, "node", "list", "--json").stdout)["nodes"]
        keys = ("name", "lease", "behind", "answers")
        assert [tuple(each[key] for key in keys) for each in listed] == [
            ("a", "held", 0, True),
            ("b", "held", 0, True),
        ]
        refused = challenge_command(config, "node", "remove", "b", "--yes")
        assert "node 'b' holds a lease: stop it first" in refused.stderr
        nodes[1].stop()
        publish(nodes[0], account, txt("c"))
        heading, *_, line = challenge_command(config, "node", "list").stdout.splitlines()
        assert line[heading.index("LEASE") :].startswith("given up  ")
        assert line[heading.index("STATUS") :].startswith("behind by 1 change  ")
        assert line[heading.index("DNS FROM HERE") :] == "does not answer"
        asked = challenge_command(config, "node", "remove", "nobody")
        assert "there is no node 'nobody'" in asked.stderr
        assert challenge_command(config, "node", "remove", "b", "--yes").status == 0
        assert (
            "there is no node" in challenge_command(config, "node", "remove", "b", "--yes").stderr
        )
        publish(nodes[0], account, txt("b"))
        nodes[1].start()


@pytest.mark.parametrize("target", ["mysql://db.example.net/zoneproof", ""])
def test_a_target_that_is_no_database_is_refused(tmp_path: Path, target: str) -> None:
    done = challenge_command(write_config(tmp_path), "move-database", target)
    assert done.status == 2
    assert "TARGET is neither a postgresql:// URL nor the path of a file" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_url_that_is_none_is_told_of_the_target_without_showing_it(tmp_path: Path) -> None:
    target = "postgresql://zp:secret-word@host:x:1/db"
    done = challenge_command(write_config(tmp_path), "move-database", target)
    assert done.status == 2
    assert done.stderr.startswith("zoneproof: TARGET: ")
    assert "secret-word" not in done.stderr


def test_a_password_in_the_target_is_warned_of(tmp_path: Path) -> None:
    target = "postgresql://zp{}@127.0.0.1:1/db"
    config = write_config(tmp_path)
    for password, warned in ((":secret-word", True), ("", False)):
        done = challenge_command(config, "move-database", target.format(password))
        assert done.status == 2
        assert ("the password in TARGET can be read by others" in done.stderr) == warned
        assert "secret-word" not in done.stderr


def test_nodes_are_for_postgresql(tmp_path: Path) -> None:
    done = challenge_command(write_config(tmp_path), "node", "list")
    assert done.status == 2
    assert "only a database in PostgreSQL has nodes" in done.stderr
