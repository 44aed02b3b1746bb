"""Several nodes of the challenge service as processes, with links that can be cut between all."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode

from tests.support.challenge_service import Account, Service, texts, update
from tests.support.link import Link
from tests.support.peers.postgres import Postgres
from zoneproof.testing.ports import free_port

ZONE = "auth.example.org"
CONFIG = """
database = "{url}"
[dns]
listen = ["127.0.0.1:{port}"]
workers = {workers}
rate_limit = 0
[node]
name = "{name}"
address = "127.0.0.1:{link}"
replica = "{name}.db"
[api]
listen = ["127.0.0.1:0"]
rate_limit_address = 0
rate_limit_registration = 0
open_registration = true
[service]
user = "root"
[[zones]]
name = "{zone}"
nameservers = ["ns1.{zone}"]
hostmaster = "hostmaster@example.org"
records = '''
ns1  A    192.0.2.53
www  TXT  "static"
{records}
'''
"""


class ServiceNode(Service):
    """A node. ``database`` is its link to the database, ``dns`` that of the others to its DNS."""

    def __init__(
        self,
        folder: Path,
        name: str,
        url: Callable[[int], str],
        database_port: int,
        workers: int = 1,
        *,
        workers_as_installed: bool = False,
    ) -> None:
        self.node_name = name
        self._workers = workers
        self.fixed_port = free_port()
        self.database = Link(database_port)
        self.dns = Link(self.fixed_port)
        self._url = url
        path = folder / f"{name}.toml"
        super().__init__(path, workers_as_installed=workers_as_installed)
        self.write_config()

    def write_config(self, records: str = "") -> None:
        """Write the configuration, with some more static records."""
        self.config.write_text(
            CONFIG.format(
                url=self._url(self.database.port),
                port=self.fixed_port,
                workers=self._workers,
                name=self.node_name,
                link=self.dns.port,
                zone=ZONE,
                records=records,
            )
        )

    @property
    def replica(self) -> Path:
        """Where its replica is."""
        return self.config.with_name(f"{self.node_name}.db")

    def start(self) -> None:
        self._ready = self._ended = False
        self.lines.clear()
        super().start()

    def processes(self) -> list[int]:
        """Return its processes, the main one first."""
        return [self.process.pid, *self.workers()]

    def kill(self) -> None:
        """End all its processes at once."""
        handles = [os.pidfd_open(process) for process in self.processes()]
        for handle in handles:
            signal.pidfd_send_signal(handle, signal.SIGKILL)
            os.close(handle)
        self.process.wait()
        self.stop()

    @contextlib.contextmanager
    def standing_still(self, *, workers: bool = True) -> Iterator[None]:
        """Stop its processes, or the main one alone, for a while."""
        stopped = self.processes() if workers else [self.process.pid]
        for process in stopped:
            os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in stopped:
                os.kill(process, signal.SIGCONT)

    def cut(self, *, database: bool = False, dns: bool = False) -> None:
        """Cut its links."""
        if database:
            self.database.cut()
        if dns:
            self.dns.cut()

    def mend(self) -> None:
        """Mend its links."""
        self.database.mend()
        self.dns.mend()

    def says(self, fulldomain: str) -> list[str] | str:
        """Return the values at a name, or the code of another answer; "silent" for none."""
        question = dns.message.make_query(fulldomain, "TXT", use_edns=0, payload=1232)
        try:
            reply = dns.query.udp(question, "127.0.0.1", port=self.fixed_port, timeout=5)
        except (dns.exception.Timeout, OSError):
            return "silent"
        if reply.rcode() != dns.rcode.NOERROR:
            return dns.rcode.to_text(reply.rcode())
        return texts(reply)

    def answers(self, fulldomain: str) -> list[str] | str:
        """Return what it says once it says anything: on a busy machine a lease may end early."""
        said: list[str] | str = "silent"

        def has_said() -> bool:
            nonlocal said
            said = self.says(fulldomain)
            return said not in ("silent", "SERVFAIL")

        wait_until(has_said, f"node {self.node_name} says {said}")
        return said

    def holds_lease(self) -> bool:
        """Ask its DNS whether it holds a lease."""
        said = self.says(f"_zoneproof-node.{ZONE}")
        return isinstance(said, list) and bool(said) and said[0].split()[1] == "lease"


class Cluster:
    """Nodes that share a database; a context manager. Not all need be started."""

    def __init__(
        self,
        folder: Path,
        postgres: Postgres,
        database: str,
        names: Sequence[str] = ("a", "b", "c"),
        *,
        workers: int = 1,
        workers_as_installed: bool = False,
    ) -> None:
        self.postgres = postgres
        self.database = database
        self.nodes = [
            ServiceNode(
                folder,
                name,
                lambda port: postgres.url(database, port),
                postgres.port,
                workers,
                workers_as_installed=workers_as_installed,
            )
            for name in names
        ]

    def __enter__(self) -> Sequence[ServiceNode]:
        with contextlib.ExitStack() as stack:
            for node in self.nodes:
                stack.enter_context(node.database)
                stack.enter_context(node.dns)
            for node in self.nodes:
                stack.enter_context(node)
            self._stack = stack.pop_all()
        wait_for_leases(*self.nodes)
        return self.nodes

    def __exit__(self, *details: object) -> None:
        for node in self.nodes:
            node.mend()
        self._stack.close()


def wait_until(what: Callable[[], object], text: str, seconds: float = 60.0) -> None:
    """Return once something is so; it is looked at again and again."""
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, text
        time.sleep(0.05)


def wait_for_leases(*nodes: ServiceNode) -> None:
    """Return once all nodes hold a lease."""
    for node in nodes:
        wait_until(node.holds_lease, f"node {node.node_name} got no lease: {list(node.lines)[-5:]}")


def publish(node: Service, account: Account, value: str) -> None:
    """Publish at a node, again and again if it is not confirmed, until it is."""
    wait_until(lambda: update(node.url, account, value).status == 200, f"no 200 for {value}")
