"""A day of ordinary traffic, as fast as it goes: a million registrations that renew monthly.

Every registration renews each 30 days, so a thirtieth of them does so on one day. A renewal is an
update, or two for a name with its wildcard, and then the questions of the CA, which asks from
several places: directly by UDP and TCP, and through a real Unbound. Each must see all new values.
In between come questions of everybody else, new registrations, and values that expire.
"""

from __future__ import annotations

import json
import multiprocessing
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path

from bench._accounts import REGISTER_REQUEST, Account, account, value
from bench._http import Connection as HttpConnection
from bench._message import ANY, NOERROR, NS, NXDOMAIN, REFUSED, SOA, TXT, A
from bench._processes import cpu_seconds
from bench._service import WEEK, BenchService, make_service, publish, register
from bench.soak.asking import ask_many, ask_tcp, ask_udp, txt_question
from bench.soak.progress import Progress, SoakError
from tests.support.challenge_service import ZONE
from tests.support.peers.unbound import Unbound

_DAYS = 30
_LIVING_DAYS = 7
_DAY_SECONDS = 86_400
_CLIENTS = 8
_NOISE = 3  # questions of others for each renewal: about one a second, over the day
_NEW_SHARE = 100  # one new registration for so many renewals
_SAMPLE = 2_000
_EXPIRY_SECONDS = 60


@dataclass(frozen=True)
class World:
    """What the clients need to know.

    Accounts are numbered by when they renewed last: account 0 did just now. The last ``renewing``
    do so today, and the first ``living`` still have their values.
    """

    seed: int
    count: int
    renewing: int
    living: int
    api: tuple[str, int]
    dns_port: int
    resolver_port: int


def run(count: int, seed: int, *, expiry_seconds: int = _EXPIRY_SECONDS) -> None:
    """Replay a day with so many registrations. Raises SoakError at the first fault.

    The values whose week ends today expire within ``expiry_seconds``.
    """
    daily = max(1, count // _DAYS)
    living = (_LIVING_DAYS - 1) * daily
    expiring = range(living, living + daily)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        service = make_service(folder / "zoneproof")
        print("  filling the database", flush=True)
        register(service.database, count, seed=seed)
        publish(service.database, range(living), lambda _: WEEK, seed=seed)
        publish(service.database, expiring, lambda n: 1 + n % expiry_seconds, seed=seed)
        began = time.monotonic()
        with service, Unbound(folder / "unbound", {ZONE: [f"127.0.0.1@{service.dns_port}"]}) as ca:
            world = World(seed, count, daily, living, service.api, service.dns_port, ca.port)
            _replay(service, world)
            time.sleep(max(0.0, began + expiry_seconds + 1 - time.monotonic()))
            _check_others(world, random.Random(seed), expiring)


def _replay(service: BenchService, world: World) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    done = context.Value("q", 0)
    pipes = [context.Pipe() for _ in range(_CLIENTS)]
    processes = [
        context.Process(target=_client, args=(world, index, done, pipe[1]))
        for index, pipe in enumerate(pipes)
    ]
    progress = Progress(world.renewing, "renewals")
    cpu = cpu_seconds(service.processes())
    try:
        for process, (_, theirs) in zip(processes, pipes, strict=True):
            process.start()
            theirs.close()  # so that the end of the process is the end of the pipe
        totals = Counter[str]()
        waiting = [pipe[0] for pipe in pipes]
        while waiting:
            for pipe in wait(waiting, 0.2):
                assert isinstance(pipe, Connection)
                totals.update(_result(pipe))
                waiting.remove(pipe)
            progress.show(done.value)
    finally:
        for process in processes:
            process.kill()
            process.join()
    progress.finish()
    cpu = cpu_seconds(service.processes()) - cpu
    for what, number in totals.items():
        print(f"  {number:,} {what}")
    times = _DAY_SECONDS / progress.seconds
    print(f"  the day took {progress.seconds:.0f} s: {times:,.0f} times faster than real time")
    print(f"  the service used {cpu:.0f} s of CPU and {service.memory() / 1e6:,.0f} MB")


def _result(pipe: Connection) -> Counter[str]:
    try:
        found = pipe.recv()
    except EOFError:
        raise SoakError("a client ended before its part of the day did") from None
    if isinstance(found, str):
        raise SoakError(found)
    assert isinstance(found, Counter)
    return found


def _client(world: World, index: int, done: Synchronized[int], pipe: Connection) -> None:
    try:
        with HttpConnection(world.api) as api:
            client = _Client(world, api, random.Random(f"{world.seed} {index}"))
            for number in range(world.count - world.renewing + index, world.count, _CLIENTS):
                client.renew(number)
                with done.get_lock():
                    done.value += 1
        pipe.send(client.counts)
    except (SoakError, OSError) as error:
        pipe.send(f"client {index}: {error!r}")


class _Client:
    """Does renewals and what comes with them, one after the other."""

    def __init__(self, world: World, api: HttpConnection, rng: random.Random) -> None:
        self.counts = Counter[str]()
        self._world = world
        self._api = api
        self._rng = rng

    def renew(self, number: int) -> None:
        world = self._world
        own = account(number, world.seed)
        values = {value(number, turn, world.seed) for turn in range(1, self._rng.choice((2, 3)))}
        self._publish(own, values)
        self._validate(f"{own.subdomain}.{ZONE}", values)
        for _ in range(_NOISE):
            self._ask_noise()
        if number % _NEW_SHARE == 0:
            made = json.loads(self._exchange(REGISTER_REQUEST, "registrations"))
            values = {value(number, 0, world.seed)}
            self._publish(Account(made["subdomain"], made["username"], made["password"]), values)
            self._validate(made["fulldomain"], values)

    def _publish(self, own: Account, values: Iterable[str]) -> None:
        for txt in values:
            self._exchange(own.update_request(txt), "updates")

    def _exchange(self, request: bytes, what: str) -> bytes:
        reply = self._api.exchange(request)
        if reply.status not in (200, 201):
            raise SoakError(f"the API answered {reply.status} {reply.body!r}")
        self.counts[what] += 1
        return reply.body

    def _validate(self, name: str, values: set[str]) -> None:
        port, resolver = self._world.dns_port, self._world.resolver_port
        for ask, at, what in (
            (ask_udp, port, "questions of CAs by UDP"),
            (ask_udp, port, "questions of CAs by UDP"),
            (ask_udp, port, "questions of CAs by UDP"),
            (ask_tcp, port, "questions of CAs by TCP"),
            (ask_udp, resolver, "questions of CAs through Unbound"),
        ):
            message = ask(at, txt_question(self._rng, name))
            self.counts[what] += 1
            if message.rcode != NOERROR or set(message.texts) != values:
                raise SoakError(
                    f"{what}: {name} has {message.texts} (rcode {message.rcode}) after"
                    f" {sorted(values)} were acknowledged"
                )

    def _ask_noise(self) -> None:
        kind, name, rdtype, rcode, has_answer = self._noise()
        message = ask_udp(self._world.dns_port, txt_question(self._rng, name, rdtype))
        self.counts["other questions"] += 1
        if (message.rcode, message.has_answer) != (rcode, has_answer):
            raise SoakError(f"{kind} {name} {rdtype}: {message}")

    def _noise(self) -> tuple[str, str, int, int, bool]:
        world, rng = self._world, self._rng
        living = account(rng.randrange(world.living), world.seed).subdomain
        stale = account(rng.randrange(world.living * 2, world.count // 2), world.seed).subdomain
        unknown = uuid.UUID(int=rng.getrandbits(128), version=4)
        return rng.choice(
            (
                ("a value", f"{living}.{ZONE}", TXT, NOERROR, True),
                ("no value", f"{stale}.{ZONE}", TXT, NOERROR, False),
                ("no address", f"{living}.{ZONE}", A, NOERROR, False),
                ("no registration", f"{unknown}.{ZONE}", TXT, NXDOMAIN, False),
                ("no such name", f"_acme-challenge.{living}.{ZONE}", TXT, NXDOMAIN, False),
                ("the zone's", ZONE, SOA, NOERROR, True),
                ("the zone's", ZONE, NS, NOERROR, True),
                ("anything", f"{living}.{ZONE}", ANY, NOERROR, True),
                ("not ours", "www.elsewhere.net", A, REFUSED, False),
            )
        )


def _check_others(world: World, rng: random.Random, expired: Sequence[int]) -> None:
    """Look whether what expired is gone, and what nobody touched is there."""
    for what, numbers in (("expired", expired), ("live", range(world.living))):
        expected = {
            f"{account(number, world.seed).subdomain}.{ZONE}": [value(number, seed=world.seed)]
            for number in rng.sample(numbers, min(_SAMPLE, len(numbers)))
        }
        for name, message in ask_many(world.dns_port, list(expected)):
            if message.rcode != NOERROR or message.texts != (
                expected[name] if what == "live" else []
            ):
                raise SoakError(f"{name} has {message.texts} at the end of the day")
        print(f"  {len(expected):,} {what} values of others checked")
