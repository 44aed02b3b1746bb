"""Kills the whole service with SIGKILL under load, again and again: what it acknowledged must be.

Clients register and publish as fast as they can. After each restart every registration and value
that was acknowledged since the one before is asked for, with some older ones; at the end all are.
At every other kill there is a secondary, too, which must have the values soon after the restart;
at the end it must have all.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench._accounts import REGISTER_REQUEST, Account, value
from bench._http import Connection
from bench._message import NOERROR
from bench._service import BenchService, make_service
from bench.soak.asking import ask_many, ask_tcp, txt_question
from bench.soak.progress import Progress, SoakError
from tests.support.secondaries import Secondary
from zoneproof.testing.ports import free_port

_CLIENTS = 8
_LIVES = 0.02, 1.0  # seconds under load, at least and at most
_OLDER = 1_000
_BY_TCP = 20
_MOST_VALUES = 4
_SECONDARY_SECONDS = 30.0


@dataclass
class Entry:
    """A registration, its acknowledged values, and one that was sent without an answer so far."""

    name: str
    acknowledged: list[str] = field(default_factory=list)
    unsure: str | None = None


def run(count: int, seed: int) -> None:
    """Kill so many times. Raises SoakError for a lost value."""
    rng = random.Random(seed)
    entries: list[Entry] = []
    starts = []
    progress = Progress(count, "kills")
    with tempfile.TemporaryDirectory() as name:
        port = free_port()
        secondary = Secondary("knot", Path(name), [port])

        def service_with(number: int) -> BenchService:
            more = secondary.section() if number % 2 else ""
            return make_service(Path(name), port=port, more=more)

        with secondary.server:
            for number in range(count):
                with service_with(number) as service:
                    fresh = _load_and_kill(service, rng, number, seed)
                began = time.perf_counter()
                with service_with(number) as service:
                    starts.append(time.perf_counter() - began)
                    _check(service, fresh, rng)
                    _check(service, rng.sample(entries, min(_OLDER, len(entries))), rng)
                    if number % 2:
                        _check_secondary(secondary, fresh)
                entries += fresh
                progress.show(number + 1)
            progress.finish()
            with service_with(1) as service:
                _check(service, entries, rng)
                _check_secondary(secondary, entries)
    values = sum(len(entry.acknowledged) for entry in entries)
    unsure = sum(entry.unsure is not None for entry in entries)
    print(f"  {len(entries):,} registrations and {values:,} values acknowledged, none lost")
    print(f"  {unsure:,} values were on their way at a kill")
    print(f"  ready again after {statistics.median(starts):.2f} s, at most {max(starts):.2f} s")


def _load_and_kill(
    service: BenchService, rng: random.Random, number: int, seed: int
) -> list[Entry]:
    entries: list[Entry] = []
    faults: list[str] = []
    clients = [
        threading.Thread(
            target=_client, args=(service.api, f"{seed} {number} {client}", entries, faults)
        )
        for client in range(_CLIENTS)
    ]
    for client in clients:
        client.start()
    time.sleep(rng.uniform(*_LIVES))
    service.kill()
    for client in clients:
        client.join()
    if faults:
        raise SoakError(f"before kill {number + 1}: {faults[0]}")
    return entries


def _client(address: tuple[str, int], seed: str, entries: list[Entry], faults: list[str]) -> None:
    try:
        with Connection(address) as connection:
            while True:
                _register_and_publish(connection, seed, entries)
    except OSError:
        return  # the kill
    except SoakError as error:
        faults.append(str(error))


def _register_and_publish(connection: Connection, seed: str, entries: list[Entry]) -> None:
    made = json.loads(_exchange(connection, REGISTER_REQUEST))
    own = Account(made["subdomain"], made["username"], made["password"])
    entry = Entry(made["fulldomain"])
    entries.append(entry)
    for turn in range(len(entries) % (_MOST_VALUES + 1)):
        entry.unsure = value(len(entries), f"{seed} {turn}")
        _exchange(connection, own.update_request(entry.unsure))
        entry.acknowledged.append(entry.unsure)
        entry.unsure = None


def _exchange(connection: Connection, request: bytes) -> bytes:
    reply = connection.exchange(request)
    if reply.status not in (200, 201):
        raise SoakError(f"the API answered {reply.status} {reply.body!r}")
    return reply.body


def _check(service: BenchService, entries: Sequence[Entry], rng: random.Random) -> None:
    by_name = {entry.name: entry for entry in entries}
    for name, message in ask_many(service.dns_port, list(by_name)):
        _check_one(by_name[name], message.rcode, message.texts)
    for entry in rng.sample(entries, min(_BY_TCP, len(entries))):
        message = ask_tcp(service.dns_port, txt_question(rng, entry.name))
        _check_one(entry, message.rcode, message.texts)


def _check_secondary(secondary: Secondary, entries: Sequence[Entry]) -> None:
    """Wait until a secondary has all values; it knows no registration without any."""
    left = {entry.name: entry for entry in entries if entry.acknowledged}
    until = time.monotonic() + _SECONDARY_SECONDS
    while left:
        found = ask_many(secondary.port, list(left))
        texts = {name: set(message.texts) for name, message in found}
        left = {n: one for n, one in left.items() if not texts[n].issuperset(one.acknowledged)}
        if left and time.monotonic() > until:
            name, entry = next(iter(left.items()))
            raise SoakError(f"the secondary has {texts[name]} for {name}: {entry.acknowledged}")


def _check_one(entry: Entry, rcode: int, texts: Sequence[str]) -> None:
    if rcode != NOERROR:
        raise SoakError(f"the registration {entry.name} is lost: rcode {rcode}")
    lost = set(entry.acknowledged) - set(texts)
    if lost:
        raise SoakError(f"{entry.name} has lost {sorted(lost)}")
    if set(texts) - {*entry.acknowledged, entry.unsure}:
        raise SoakError(f"{entry.name} has values that nobody published: {texts}")
