"""The database is restarted, replaced, put back or full: the DNS contradicts nobody."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.challenge_service import Account, challenge_command, register, txt, update
from tests.support.link import Link
from tests.support.nodes import ZONE, Cluster, ServiceNode, publish, wait_for_leases, wait_until
from tests.support.peers.postgres import Postgres

OLD, NEW, NEWER = [txt("a")], [txt("a"), txt("b")], [txt("a"), txt("b"), txt("c")]
Nodes = Sequence[ServiceNode]


@pytest.fixture
def server() -> Iterator[Postgres]:
    """Give a server of a test's own, of which a standby can be made."""
    with Postgres("wal_level=replica", "max_wal_senders=4", "autovacuum=off") as running:
        running.create("zoneproof")
        yield running


@pytest.fixture
def nodes(tmp_path: Path, server: Postgres) -> Iterator[Nodes]:
    with Cluster(tmp_path, server, "zoneproof") as found:
        yield found


@pytest.fixture
def account(nodes: Nodes) -> Account:
    made = register(nodes[0].url)
    publish(nodes[0], made, txt("a"))
    return made


def all_say(nodes: Nodes, account: Account, expected: object) -> Callable[[], bool]:
    return lambda: all(node.says(account.fulldomain) == expected for node in nodes)


def everyone_answers(nodes: Nodes, account: Account, expected: object) -> bool:
    return all(node.answers(account.fulldomain) == expected for node in nodes)


def serial(node: ServiceNode) -> int:
    said = node.answers(f"_zoneproof-node.{ZONE}")
    assert isinstance(said, list)
    return int(said[0].split()[0])


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_the_dns_continues_while_the_database_is_away(
    server: Postgres, nodes: Nodes, account: Account, how: signal.Signals
) -> None:
    server.halt(how)
    for node in nodes:
        wait_until(lambda node=node: not node.holds_lease(), "a lease without a database")  # type: ignore[misc]
    assert everyone_answers(nodes, account, OLD)
    assert update(nodes[0].url, account, txt("x")).status == 500
    assert everyone_answers(nodes, account, OLD)
    server.resume()
    publish(nodes[1], account, txt("b"))
    assert everyone_answers(nodes, account, NEW)


def test_with_a_node_down_as_well_registrations_are_not_answered_unless_it_was_removed(
    server: Postgres, nodes: Nodes, account: Account
) -> None:
    a, b, c = nodes
    c.kill()
    publish(a, account, txt("b"))
    server.halt()
    wait_until(all_say((a, b), account, "SERVFAIL"), "they answer")
    server.resume()
    wait_for_leases(a, b)
    done = challenge_command(a.config, "node", "remove", "c", "--yes")
    assert done.status == 0, done.stderr
    publish(a, account, txt("c"))
    removed = renewals(server)
    wait_until(
        lambda: all(now > then + 1 for now, then in zip(renewals(server), removed, strict=True)),
        "the list is not read again",
    )
    server.halt()
    for node in (a, b):
        wait_until(lambda node=node: not node.holds_lease(), "a lease without a database")  # type: ignore[misc]
    assert everyone_answers((a, b), account, NEWER)
    server.resume()
    wait_for_leases(a, b)


def renewals(server: Postgres) -> list[int]:
    found = server.run("SELECT renewal FROM challenge_node ORDER BY name", database="zoneproof")
    return [int(str(renewal)) for (renewal,) in found]


class Standby(Postgres):
    """A copy of a server that follows it by a link."""

    def __init__(self, primary: Postgres, link: Link) -> None:
        super().__init__()
        self._primary = primary
        self._link = link

    def start(self) -> None:
        subprocess.run(
            [
                *self._program("pg_basebackup"),
                f"--pgdata={self._data}",
                f"--dbname={self._primary.url('postgres', self._link.port)}",
                "--write-recovery-conf",
                "--checkpoint=fast",
                "--no-sync",
            ],
            check=True,
            capture_output=True,
        )
        super(Postgres, self).start()

    def promote(self) -> None:
        subprocess.run(
            [*self._program("pg_ctl"), "promote", f"--pgdata={self._data}"],
            check=True,
            capture_output=True,
        )
        wait_until(lambda: self.run("SELECT pg_is_in_recovery()") == [(False,)], "it is no primary")


def test_a_standby_that_lagged_takes_over_and_the_replicas_are_made_anew(
    server: Postgres, nodes: Nodes, account: Account
) -> None:
    with Link(server.port) as link, Standby(server, link) as standby:
        (position,) = server.run("SELECT pg_current_wal_lsn()")[0]
        wait_until(
            lambda: standby.run(f"SELECT pg_last_wal_replay_lsn() >= '{position}'") == [(True,)],
            "the standby does not follow",
        )
        link.cut()
        publish(nodes[0], account, txt("b"))
        assert everyone_answers(nodes, account, NEW)
        before = max(map(serial, nodes))
        server.halt(signal.SIGKILL)
        standby.promote()
        for node in nodes:
            node.database.target = standby.port
            node.mend()
        for node in nodes:
            node.wait_for_line("has lost changes that were answered here")
        wait_until(all_say(nodes, account, OLD), "they answer what was lost")
        wait_for_leases(*nodes)
        assert min(map(serial, nodes)) > before
        publish(nodes[2], account, txt("c"))
        assert everyone_answers(nodes, account, [txt("a"), txt("c")])


def test_a_backup_that_is_restored_is_noticed_and_the_serial_still_rises(
    server: Postgres, nodes: Nodes, account: Account
) -> None:
    server.halt()
    backup = server.keep()
    server.resume()
    wait_for_leases(*nodes)
    publish(nodes[0], account, txt("b"))
    before = max(map(serial, nodes))
    server.halt()
    server.put_back(backup)
    server.resume()
    for node in nodes:
        node.wait_for_line("has lost changes that were answered here")
    wait_until(all_say(nodes, account, OLD), "they answer what was lost")
    wait_for_leases(*nodes)
    assert min(map(serial, nodes)) > before
    publish(nodes[1], account, txt("c"))
    assert everyone_answers(nodes, account, [txt("a"), txt("c")])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_of_the_database_fails_updates_and_nothing_else(tmp_path: Path) -> None:
    with Postgres("max_wal_size=32MB", "wal_recycle=off") as server:
        server.halt()
        data = server._data.rename(server.folder / "before")
        server._data.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", str(server._data)], check=True
        )
        try:
            subprocess.run(["cp", "-a", f"{data}/.", str(server._data)], check=True)
            server.resume()
            server.create("zoneproof")
            with Cluster(tmp_path, server, "zoneproof", ("a", "b")) as nodes:
                made = register(nodes[0].url)
                publish(nodes[0], made, txt("a"))
                filler = server._data / "filler"
                with filler.open("wb") as file:
                    try:
                        while True:
                            file.write(bytes(65536))
                            file.flush()
                    except OSError:
                        pass
                answered = list(OLD)
                refused = 0
                for letter in "bcdefghijklmno":
                    reply = update(nodes[0].url, made, txt(letter))
                    refused += reply.status != 200
                    if reply.status == 200:
                        answered.append(txt(letter))
                    assert everyone_answers(nodes, made, answered)
                filler.unlink()
                publish(nodes[1], made, txt("z"))
                assert all(txt("z") in node.answers(made.fulldomain) for node in nodes)
        finally:
            server.halt()
            subprocess.run(["umount", str(server._data)], check=True)
