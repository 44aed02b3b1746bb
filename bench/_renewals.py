"""Homes with many managed certificates for the benchmarks, and their commands, timed."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from bench._figures import print_title
from tests.support.peers.knot import TSIG_ALGORITHM, TSIG_NAME, TSIG_SECRET, Knot
from tests.support.world import zone_text
from zoneproof.manager import (
    AccountTerms,
    CertificateDefinition,
    Credential,
    Home,
    MethodDefinition,
    RunOptions,
    open_manager,
)
from zoneproof.testing.pebble import Pebble

ZONE = "bench.test"
ZONES = {
    "test": zone_text("test", f"{ZONE}. NS ns1.{ZONE}.", f"ns1.{ZONE}. A 127.0.0.1"),
    ZONE: zone_text(ZONE),
}


@dataclass(frozen=True)
class Cost:
    """What a command cost: seconds until it ended, seconds of CPU, the bytes it held at most."""

    seconds: float
    cpu: float
    memory: int


def run(command: Sequence[str], environment: Mapping[str, str], status: int = 0) -> Cost:
    """Run a program to its end, at which it has to exit with ``status``."""
    with subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        start = time.perf_counter()
        assert process.stdout is not None
        said = process.stdout.read()
        _, ended, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(ended)
        seconds = time.perf_counter() - start
    if process.returncode != status:
        sys.exit(f"{' '.join(command[:2])} failed: {said[-1500:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024)


def with_pebble(
    folder: Path, measure: Callable[[Path, Pebble], None], dns_server: str | None, **more: str
) -> None:
    """Measure with a folder and a Pebble, and with fresh ones if Pebble came to wait for itself.

    ``more`` is for its environment. It rejects no nonces, which certbot retries once only.
    """
    for attempt in count():
        here = folder / str(attempt)
        environment = {"PEBBLE_WFE_NONCEREJECT": "0", **more}
        with Pebble(here / "pebble", dns_server=dns_server, environment=environment) as pebble:
            try:
                measure(here, pebble)
            except (SystemExit, AssertionError):
                if not pebble.is_stuck():
                    raise
            else:
                return
        print_title("Pebble waited for itself; once more, with a fresh one")


def rfc2136(knot: Knot, name: str = "dns", port: int = 0) -> Credential:
    """Return a credential with which the name server takes updates, or another port does not."""
    fields = {
        "server": knot.address,
        "port": str(port or knot.port),
        "key_name": TSIG_NAME,
        "secret": TSIG_SECRET,
        "algorithm": TSIG_ALGORITHM,
    }
    return Credential(name, "rfc2136", fields)


@dataclass(frozen=True)
class ManagedHome:
    """A home whose certificates are named c0, c1 and so on, each for one host of the zone."""

    path: Path

    def make(
        self, count: int, pebble: Pebble, knot: Knot, credentials: Sequence[Credential]
    ) -> None:
        """Define the certificates and register the account. Nothing is obtained yet.

        The credentials are used in turn.
        """
        self.path.mkdir(parents=True)
        (self.path / "settings.toml").write_text(
            f"""account = "{pebble.directory_url}"
authoritative_port = {knot.port}
dns.resolvers = ["{knot.address}:{knot.port}"]
"""
        )
        asyncio.run(self._define(count, pebble, credentials))

    async def _define(self, count: int, pebble: Pebble, credentials: Sequence[Credential]) -> None:
        terms = AccountTerms(agree_to_terms=True, ca_bundle=pebble.ca_bundle)
        async with open_manager(Home(self.path), RunOptions(terms=terms)) as manager:
            for credential in credentials:
                await manager.credentials.save(credential)
            async with manager.clients.use(manager.settings.account):
                pass
            methods = [MethodDefinition(credential=one.name) for one in credentials]
            definitions = [
                CertificateDefinition(
                    name=f"c{number}",
                    identifiers=(f"h{number}.{ZONE}",),
                    method=(methods[number % len(methods)],),
                ).check()
                for number in range(count)
            ]
            await asyncio.gather(*map(manager.certificates.save, definitions))

    def run(self, *arguments: str, status: int = 0) -> Cost:
        """Run ``zoneproof`` with the arguments, which exits with ``status``."""
        program = str(Path(sys.executable).with_name("zoneproof"))
        return run([program, *arguments], {"ZONEPROOF_HOME": str(self.path)}, status)

    def failures(self) -> int:
        """Return how many failures all certificates have on record."""
        with closing(sqlite3.connect(self.path / "state.sqlite3")) as database:
            sql = "SELECT count(*) FROM history WHERE kind = 'failed'"
            return int(database.execute(sql).fetchone()[0])

    def delivered(self) -> int:
        """Return how many certificates have been written, in every version."""
        return sum(1 for _ in self.path.glob("archive/*/fullchain*.pem"))

    def last_delivered_at(self) -> float:
        """Return when the newest of them was written, in seconds since 1970."""
        return max(path.stat().st_mtime for path in self.path.glob("archive/*/fullchain*.pem"))
