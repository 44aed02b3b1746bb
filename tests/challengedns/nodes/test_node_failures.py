"""A node is killed, stopped, cut off or misconfigured: no name server contradicts a 200."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.challengedns.processes import fails_to_start
from tests.challengedns.wrong_clock import WrongClock
from tests.support.challenge_service import (
    Account,
    challenge_command,
    register,
    request,
    txt,
    update,
)
from tests.support.nodes import ZONE, Cluster, ServiceNode, publish, wait_for_leases, wait_until
from tests.support.peers.postgres import Postgres

OLD, NEW, NEWER = [txt("a")], [txt("a"), txt("b")], [txt("a"), txt("b"), txt("c")]
Nodes = Sequence[ServiceNode]


@pytest.fixture(scope="module")
def cluster(
    tmp_path_factory: pytest.TempPathFactory, postgres: Postgres
) -> Iterator[Sequence[ServiceNode]]:
    postgres.create("node_failures")
    with Cluster(tmp_path_factory.mktemp("nodes"), postgres, "node_failures") as nodes:
        yield nodes


@pytest.fixture
def nodes(cluster: Nodes) -> Iterator[Nodes]:
    """Give three nodes that hold leases, and bring them back afterwards."""
    wait_for_leases(*cluster)
    yield cluster
    for node in cluster:
        node.mend()
        node.database.delay = 0.0
        if node.process.poll() is not None:
            node.start()


@pytest.fixture
def account(nodes: Nodes) -> Account:
    made = register(nodes[0].url)
    publish(nodes[0], made, txt("a"))
    assert all(node.answers(made.fulldomain) == OLD for node in nodes)
    return made


@contextlib.contextmanager
def listening(node: ServiceNode, name: str) -> Iterator[list[str | list[str]]]:
    """Ask a node all the time, and collect what it says."""
    said: list[str | list[str]] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            said.append(node.says(name))

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield said
    finally:
        ended.set()
        thread.join()


def lapsed(node: ServiceNode) -> None:
    """Return once a node has lost its lease."""
    wait_until(lambda: not node.holds_lease(), f"node {node.node_name} keeps its lease")


def test_a_killed_node_holds_up_updates_for_a_while_and_comes_back_with_all_values(
    nodes: Nodes, account: Account
) -> None:
    a, b, c = nodes
    c.kill()
    publish(a, account, txt("b"))
    assert (a.answers(account.fulldomain), b.answers(account.fulldomain)) == (NEW, NEW)
    assert c.says(account.fulldomain) == "silent"
    c.start()
    with listening(c, account.fulldomain) as said:
        wait_for_leases(c)
        assert c.answers(account.fulldomain) == NEW
    assert OLD not in said


def test_a_node_that_is_stopped_says_goodbye_and_nobody_waits(
    nodes: Nodes, account: Account, postgres: Postgres
) -> None:
    a, b, c = nodes
    c.stop()
    rows = postgres.run(
        "SELECT name FROM challenge_node WHERE has_left = 1 AND lost = renewal",
        database="node_failures",
    )
    assert rows == [("c",)]
    publish(b, account, txt("b"))
    assert (a.answers(account.fulldomain), b.answers(account.fulldomain)) == (NEW, NEW)


@pytest.mark.parametrize("workers", [True, False])
def test_a_node_that_stands_still_never_contradicts_the_others(
    nodes: Nodes, account: Account, workers: bool
) -> None:
    a, b, c = nodes
    with c.standing_still(workers=workers):
        publish(a, account, txt("b"))
        assert (a.answers(account.fulldomain), b.answers(account.fulldomain)) == (NEW, NEW)
        assert c.says(account.fulldomain) == ("silent" if workers else "SERVFAIL")
    with listening(c, account.fulldomain) as said:
        wait_for_leases(c)
        assert c.answers(account.fulldomain) == NEW
    assert OLD not in said


def test_a_node_cut_off_from_the_database_answers_until_the_others_know_more(
    nodes: Nodes, account: Account
) -> None:
    a, b, c = nodes
    with listening(c, account.fulldomain) as said:
        c.cut(database=True)
        lapsed(c)
        assert request(c.url, "GET", "/health").status == 503
        assert update(c.url, account, txt("x")).status == 500
        assert c.answers(account.fulldomain) == OLD
    assert [each for each in said if each not in (OLD, "SERVFAIL")] == []
    publish(a, account, txt("b"))
    assert [node.answers(account.fulldomain) for node in (a, b)] == [NEW, NEW]
    assert c.says(account.fulldomain) == "SERVFAIL"
    assert c.answers(f"www.{ZONE}") == ["static"]
    publish(b, account, txt("c"))
    assert c.says(account.fulldomain) == "SERVFAIL"
    c.mend()
    with listening(c, account.fulldomain) as said:
        wait_for_leases(c)
        assert c.answers(account.fulldomain) == NEWER
    assert [each for each in said if each not in ("SERVFAIL", NEWER)] == []


def test_nodes_cut_off_from_each_other_need_only_the_database(
    nodes: Nodes, account: Account
) -> None:
    for node in nodes:
        node.cut(dns=True)
    publish(nodes[1], account, txt("b"))
    assert [node.answers(account.fulldomain) for node in nodes] == [NEW] * 3


def test_a_node_cut_off_from_everything_says_nothing_about_registrations(
    nodes: Nodes, account: Account
) -> None:
    a, b, c = nodes
    c.cut(database=True)
    for node in nodes:
        node.cut(dns=True)
    wait_until(lambda: c.says(account.fulldomain) == "SERVFAIL", "it answers")
    assert c.answers(f"www.{ZONE}") == ["static"]
    publish(a, account, txt("b"))
    assert [node.answers(account.fulldomain) for node in (a, b)] == [NEW, NEW]
    assert c.says(account.fulldomain) == "SERVFAIL"


def test_two_nodes_cut_off_together_do_not_confirm_each_other(
    nodes: Nodes, account: Account
) -> None:
    a, b, c = nodes
    b.cut(database=True)
    c.cut(database=True)
    a.cut(dns=True)
    for node in (b, c):
        wait_until(
            lambda node=node: node.says(account.fulldomain) == "SERVFAIL",  # type: ignore[misc]
            "it answers",
        )
    publish(a, account, txt("b"))
    assert a.answers(account.fulldomain) == NEW
    assert [node.says(account.fulldomain) for node in (b, c)] == ["SERVFAIL"] * 2


def test_a_slow_link_makes_updates_slow_and_nothing_else(nodes: Nodes, account: Account) -> None:
    nodes[2].database.delay = 0.1
    for letter in "bc":
        publish(nodes[0], account, txt(letter))
        assert nodes[2].answers(account.fulldomain) == nodes[0].answers(account.fulldomain)
    assert nodes[0].answers(account.fulldomain) == NEWER


def test_a_node_starts_without_the_database_and_answers_what_it_may(
    nodes: Nodes, account: Account
) -> None:
    a, _, c = nodes
    c.kill()
    c.cut(database=True)
    c.start()
    wait_until(lambda: c.answers(account.fulldomain) == OLD, "it does not answer")
    publish(a, account, txt("b"))
    assert c.says(account.fulldomain) == "SERVFAIL"
    c.mend()
    wait_for_leases(c)
    assert c.answers(account.fulldomain) == NEW


def test_a_node_that_said_goodbye_answers_only_with_a_lease(nodes: Nodes, account: Account) -> None:
    a, _, c = nodes
    c.stop()
    c.cut(database=True)
    c.start()
    assert c.says(account.fulldomain) == "SERVFAIL"
    assert c.answers(f"www.{ZONE}") == ["static"]
    publish(a, account, txt("b"))
    assert c.says(account.fulldomain) == "SERVFAIL"
    c.mend()
    wait_for_leases(c)
    assert c.answers(account.fulldomain) == NEW


def test_a_node_whose_replica_is_gone_makes_another(nodes: Nodes, account: Account) -> None:
    c = nodes[2]
    c.stop()
    for path in c.replica.parent.glob(f"{c.replica.name}*"):
        path.write_bytes(b"nonsense" * 1000) if path == c.replica else path.unlink()
    c.start()
    wait_for_leases(c)
    assert c.answers(account.fulldomain) == OLD


@pytest.mark.parametrize("wrong_by", [-900 * 86_400, 900 * 86_400])
def test_a_clock_that_is_wrong_changes_nothing(
    nodes: Nodes, account: Account, tmp_path: Path, wrong_by: int
) -> None:
    a, b, _ = nodes
    clock = WrongClock(tmp_path, wrong_by)
    b.stop()
    environment = b._environment
    b._environment = environment | clock.environment
    b.start()
    b._environment = environment
    wait_for_leases(b)
    publish(b, account, txt("b"))
    assert [node.answers(account.fulldomain) for node in nodes] == [NEW] * 3
    clock.set(0)
    publish(a, account, txt("c"))
    assert [node.answers(account.fulldomain) for node in nodes] == [NEWER] * 3
    b.stop()


def test_a_node_of_the_next_version_beside_others_migrates_the_tables_under_them(
    nodes: Nodes, account: Account, postgres: Postgres
) -> None:
    """Its migrations only add: here a column, a table, and the number of the migration."""
    try:
        postgres.run(
            "ALTER TABLE challenge_node ADD COLUMN colour TEXT NOT NULL DEFAULT ''",
            "ALTER TABLE challenge_change ADD COLUMN colour TEXT NOT NULL DEFAULT ''",
            "CREATE TABLE challenge_colour (name TEXT)",
            "UPDATE schema_version SET number = number + 1 WHERE component = 'challengedns'",
            "UPDATE challenge_node SET version = '99' WHERE name = 'c'",
            database="node_failures",
        )
        publish(nodes[0], account, txt("b"))
        assert [node.answers(account.fulldomain) for node in nodes] == [NEW] * 3
    finally:
        postgres.run(
            "UPDATE schema_version SET number = number - 1 WHERE component = 'challengedns'",
            database="node_failures",
        )


def test_a_replica_is_one_node_s(nodes: Nodes) -> None:
    a, *_ = nodes
    copy = a.config.with_name("copy.toml")
    text = a.config.read_text().replace('name = "a"', 'name = "copy"')
    copy.write_text(text.replace(f"127.0.0.1:{a.fixed_port}", "127.0.0.1:0"))
    line = fails_to_start(copy)
    assert f"another node on this machine uses the replica {a.replica}: give each its own" in line
    assert a.holds_lease()


def test_the_check_does_not_keep_a_node_with_a_replica_from_starting_without_the_database(
    nodes: Nodes,
) -> None:
    a, *_ = nodes
    copy = a.config.with_name("without.toml")
    copy.write_text(a.config.read_text().replace(f":{a.database.port}/", ":1/"))
    done = challenge_command(copy, "serve", "--check", "--no-dns")
    assert done.status == 0, done.stdout
    assert "until then this node answers from its replica" in done.stdout


def test_a_node_with_other_zones_does_not_start(nodes: Nodes) -> None:
    c = nodes[2]
    c.stop()
    c.write_config(records="other A 192.0.2.9")
    try:
        line = fails_to_start(c.config)
        assert "node 'a' serves other zones than this configuration" in line
        checked = challenge_command(c.config, "serve", "--check", "--no-dns")
        assert "PROBLEM  zones: node 'a' serves other zones" in checked.stdout
    finally:
        c.write_config()


def test_a_node_with_the_name_of_another_does_not_start(nodes: Nodes, tmp_path: Path) -> None:
    text = nodes[2].config.read_text()
    other = tmp_path / "other.toml"
    other.write_text(
        text.replace(f'listen = ["127.0.0.1:{nodes[2].fixed_port}"]', 'listen = ["127.0.0.1:0"]')
    )
    assert "has the name 'c': give this one another 'node.name'" in fails_to_start(other)
