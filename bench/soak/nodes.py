"""Three nodes and a PostgreSQL that are killed, stopped, cut off and restarted under updates.

After each ``200`` every name server is asked at once: one that answers with anything but what was
acknowledged is wrong; SERVFAIL and silence are not. At the end, with all back, every value that was
acknowledged must be there.
"""

from __future__ import annotations

import http.client
import random
import signal
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.soak.progress import Progress, SoakError
from tests.support.challenge_service import Account, register, txt, update
from tests.support.nodes import Cluster, ServiceNode, wait_for_leases
from tests.support.peers.postgres import Postgres

T = TypeVar("T")

_CLIENTS = 4
_LETTERS = "abcdefghijklmnop"
_CALM = 0.2, 3.0  # seconds between two faults, at least and at most
_FAULT = 0.5, 9.0  # seconds that a fault lasts
_BREATH = 0.02  # seconds between two updates of a client: the faults are what is tried
_SLOW = 0.15  # seconds, each way


@dataclass
class Entry:
    """A registration, the values that were acknowledged, and those that may be there."""

    account: Account
    acknowledged: set[str] = field(default_factory=set)
    unsure: set[str] = field(default_factory=set)


class Soak:
    """What the clients share with the one who does the faults."""

    def __init__(
        self, nodes: Sequence[ServiceNode], postgres: Postgres, rng: random.Random
    ) -> None:
        self.nodes = nodes
        self.postgres = postgres
        self.rng = rng
        self.times: list[float] = []
        self.refused: Counter[str] = Counter()
        self.said: Counter[str] = Counter()
        self.fault = ""
        self.is_over = False
        self._lock = threading.Lock()
        self._started = 0

    def next(self) -> int | None:
        """Return the number of the next update; None if it is over, or something failed."""
        with self._lock:
            if self.fault or self.is_over:
                return None
            self._started += 1
            return self._started

    def client(self, seed: int, entries: list[Entry]) -> None:
        """Publish and ask until there is no more to do."""
        rng = random.Random(seed)
        try:
            while (number := self.next()) is not None:
                self._update(rng, number, entries)
                time.sleep(_BREATH)
        except SoakError as error:
            self.fault = str(error)

    def _update(self, rng: random.Random, number: int, entries: list[Entry]) -> None:
        if not entries or len(entries[-1].acknowledged) == len(_LETTERS):
            made = self._try(lambda node: register(node.url), rng)
            if made is None:
                return
            entries.append(Entry(made))
        entry = entries[-1]
        value = txt(_LETTERS[len(entry.acknowledged)])
        entry.unsure.add(value)
        start = time.monotonic()
        reply = self._try(lambda node: update(node.url, entry.account, value), rng)
        if reply is None or reply.status != 200:
            with self._lock:
                self.refused[str(reply.status) if reply else "no answer"] += 1
            return
        took = time.monotonic() - start
        entry.acknowledged.add(value)
        with self._lock:
            self.times.append(took)
        for node in self.nodes:
            self.check(node, entry, f"update {number}")

    def check(self, node: ServiceNode, entry: Entry, when: str) -> None:
        """Ask a node. Raises SoakError for a wrong answer."""
        said = node.says(entry.account.fulldomain)
        with self._lock:
            self.said[said if isinstance(said, str) else "right"] += 1
        if isinstance(said, str):
            if said not in {"SERVFAIL", "silent"}:
                raise SoakError(f"{when}: node {node.node_name} answers {said}")
            return
        if missing := entry.acknowledged - set(said):
            raise SoakError(
                f"{when}: node {node.node_name} has not {sorted(each[0] for each in missing)}"
            )
        if strange := set(said) - entry.acknowledged - entry.unsure:
            raise SoakError(f"{when}: node {node.node_name} has {sorted(strange)}")

    def _try(self, call: Callable[[ServiceNode], T], rng: random.Random) -> T | None:
        """Call a node; None if it is down or says nothing that can be read."""
        node = rng.choice(self.nodes)
        try:
            return call(node)
        except (OSError, http.client.HTTPException, KeyError, ValueError):
            return None


def run(count: int, seed: int) -> None:
    """Do so many faults. Raises SoakError for a wrong answer or a lost value."""
    rng = random.Random(seed)
    with (
        tempfile.TemporaryDirectory() as name,
        Postgres("max_connections=200") as postgres,
    ):
        postgres.create("zoneproof")
        with Cluster(Path(name), postgres, "zoneproof") as nodes:
            _run(Soak(nodes, postgres, rng), count, seed)


def _run(soak: Soak, count: int, seed: int) -> None:
    entries: list[list[Entry]] = [[] for _ in range(_CLIENTS)]
    clients = [
        threading.Thread(target=soak.client, args=(seed + number, own))
        for number, own in enumerate(entries)
    ]
    progress = Progress(count, "faults")
    for client in clients:
        client.start()
    faults: Counter[str] = Counter()
    for number in range(count):
        _pause(soak, _CALM)
        if soak.fault:
            break
        kind = soak.rng.choice(list(_FAULTS))
        faults[kind] += 1
        _FAULTS[kind](soak, lambda: _pause(soak, _FAULT))
        progress.show(number + 1)
    _pause(soak, _CALM)
    soak.is_over = True
    for client in clients:
        client.join()
    if soak.fault:
        raise SoakError(soak.fault)
    progress.finish()
    wait_for_leases(*soak.nodes)
    for entry in (entry for own in entries for entry in own):
        for node in soak.nodes:
            soak.check(node, entry, "at the end")
    print(f"  faults: {_told(faults)}")
    print(f"  {len(soak.times):,} updates acknowledged; refused: {_told(soak.refused)}")
    print(f"  answers: {_told(soak.said)}; none wrong, no acknowledged value lost")
    print(
        f"  200 after {statistics.median(soak.times) * 1000:.1f} ms (median),"
        f" at most {max(soak.times):.1f} s"
    )


def _told(counts: Counter[str]) -> str:
    return ", ".join(f"{number:,} {what}" for what, number in sorted(counts.items())) or "none"


def _pause(soak: Soak, bounds: tuple[float, float]) -> None:
    end = time.monotonic() + soak.rng.uniform(*bounds)
    while time.monotonic() < end and not soak.fault:
        time.sleep(0.05)


Fault = Callable[[Soak, Callable[[], None]], None]


def _killed(soak: Soak, pause: Callable[[], None]) -> None:
    node = soak.rng.choice(soak.nodes)
    node.kill()
    pause()
    node.start()
    wait_for_leases(node)


def _stopped(soak: Soak, pause: Callable[[], None]) -> None:
    node = soak.rng.choice(soak.nodes)
    node.stop()
    pause()
    node.start()


def _standing(soak: Soak, pause: Callable[[], None]) -> None:
    with soak.rng.choice(soak.nodes).standing_still(workers=soak.rng.random() < 0.5):
        pause()


def _cut(soak: Soak, pause: Callable[[], None]) -> None:
    cut = soak.rng.sample(list(soak.nodes), soak.rng.choice([1, 1, 2]))
    for node in cut:
        node.cut(database=True, dns=soak.rng.random() < 0.3)
    if soak.rng.random() < 0.3:
        for node in soak.nodes:
            node.cut(dns=True)
    pause()
    for node in soak.nodes:
        node.mend()


def _slow(soak: Soak, pause: Callable[[], None]) -> None:
    node = soak.rng.choice(soak.nodes)
    node.database.delay = _SLOW
    pause()
    node.database.delay = 0.0


def _restarted(soak: Soak, pause: Callable[[], None]) -> None:
    postgres = soak.postgres
    postgres.halt(soak.rng.choice([signal.SIGINT, signal.SIGKILL]))
    if soak.rng.random() < 0.5:
        pause()
    postgres.resume()


_FAULTS: dict[str, Fault] = {
    "node killed": _killed,
    "node stopped": _stopped,
    "node standing still": _standing,
    "nodes cut off": _cut,
    "slow link": _slow,
    "database restarted": _restarted,
}
