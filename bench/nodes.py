"""One, two and three nodes that share PostgreSQL, beside one machine with SQLite.

``/update`` requests a second on 32 connections spread over the nodes, how long one takes until it
is answered everywhere, and DNS answers a second of one node. Everything, PostgreSQL and the client
too, runs on the same cores: more nodes here share what one machine has.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from bench import _dnsperf
from bench._accounts import account, updates
from bench._figures import (
    Bar,
    microseconds,
    milliseconds,
    per_second,
    print_figure,
    print_ratio,
    print_title,
)
from bench._http import Connection, call_for
from bench._service import BenchService, fill, make_service
from tests.support.challenge_service import challenge_command
from tests.support.nodes import Cluster, ServiceNode
from tests.support.peers.postgres import Postgres

COUNTS = (1, 2, 3)
CONNECTIONS = 32
NAMES = 1_000
ROUNDS = 5
SECONDS = 4.0
_LEAST = 2  # of times, for quantiles
DNS_BAR = Bar("at least", 0.95)


def run(
    names: int, connections: int, rounds: int, seconds: float, counts: Sequence[int] = COUNTS
) -> None:
    """Measure, and print."""
    print_title(
        f"/update requests a second on {connections} connections, and one after the other,"
        f" {rounds} rounds of {seconds:g} s each in turn with SQLite"
    )
    print_figure("shared", "client, PostgreSQL and all nodes run on the same cores")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        alone = make_service(folder / "alone")
        fill(alone.database, names)
        postgres = stack.enter_context(Postgres("max_connections=200"))
        for count in counts:
            copied = challenge_command(
                alone.config, "move-database", postgres.create(f"nodes{count}")
            )
            if copied.status:
                raise RuntimeError(copied.stderr)
        stack.enter_context(alone)
        for count in counts:
            here = folder / str(count)
            here.mkdir()
            letters = "abc"[:count]
            cluster = Cluster(
                here,
                postgres,
                f"nodes{count}",
                letters,
                workers=os.cpu_count() or 1,
                workers_as_installed=True,
            )
            with cluster as nodes:
                if count == 1:  # before updates make the answers longer
                    _measure_dns(alone, nodes[0], folder, names, rounds, seconds)
                _measure_updates(alone, nodes, names, connections, rounds, seconds)


def _measure_updates(
    alone: BenchService,
    nodes: Sequence[ServiceNode],
    names: int,
    connections: int,
    rounds: int,
    seconds: float,
) -> None:
    apis = [_api(node.url) for node in nodes]
    rates: list[float] = []
    rates_alone: list[float] = []
    times: list[float] = []
    times_alone: list[float] = []
    for _ in range(rounds):
        rates_alone.append(_rate([_api(alone.url)], names, connections, seconds))
        rates.append(_rate(apis, names, connections, seconds))
        times_alone += _times(_api(alone.url), names, seconds / 2)
        times += _times(apis[0], names, seconds / 2)
    what = f"{len(nodes)} node{'s' if len(nodes) > 1 else ''}"
    print_figure("sqlite", f"{per_second(rates_alone)}   {_quantiles(times_alone)}")
    print_figure(what, f"{per_second(rates)}   {_quantiles(times)}")
    print_ratio(f"{what} / sqlite", rates, rates_alone)


def _rate(apis: Sequence[tuple[str, int]], names: int, connections: int, seconds: float) -> float:
    """Return updates a second at all APIs together."""
    found: list[float] = []
    failures: list[Exception] = []
    end = time.perf_counter() + seconds

    def call(api: tuple[str, int], number: int) -> None:
        own = [account(each) for each in range(number, names, len(apis))]
        try:
            found.append(
                call_for(
                    api,
                    max(1, connections // len(apis)),
                    updates(own),
                    lambda: time.perf_counter() > end,
                )
            )
        except (OSError, ValueError) as error:
            failures.append(error)

    threads = [threading.Thread(target=call, args=(api, number)) for number, api in enumerate(apis)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(found)


def _times(api: tuple[str, int], names: int, seconds: float) -> list[float]:
    """Return how long updates take, one after the other."""
    next_request = updates([account(each) for each in range(names)])
    found: list[float] = []
    end = time.perf_counter() + seconds
    with Connection(api) as connection:
        while (start := time.perf_counter()) < end or len(found) < _LEAST:
            reply = connection.exchange(next_request())
            if reply.status != 200:
                raise ValueError(f"the API answered {reply.status} {reply.body!r}")
            found.append(time.perf_counter() - start)
    return found


def _quantiles(times: Sequence[float]) -> str:
    shares = statistics.quantiles(times, n=100)
    return f"one: p50 {milliseconds(shares[49])}   p99 {milliseconds(shares[98])}"


def _measure_dns(
    alone: BenchService, node: ServiceNode, folder: Path, names: int, rounds: int, seconds: float
) -> None:
    questions = folder / "questions"
    _dnsperf.write_questions(
        questions,
        [f"{account(number).subdomain}.auth.example.org" for number in range(names)],
        names,
    )
    loads: list[list[_dnsperf.Load]] = [[], []]
    ports = (alone.dns_port, alone.processes()), (node.fixed_port, node.processes())
    alone.wait_until_idle()
    for port, processes in ports:
        _dnsperf.ask(port, processes, questions, seconds / 4)
    for _ in range(rounds):
        for found, (port, processes) in zip(loads, ports, strict=True):
            found.append(_dnsperf.ask(port, processes, questions, seconds))
    rates = [[load.per_second for load in found] for found in loads]
    for what, found, rate in zip(("sqlite", "a node"), loads, rates, strict=True):
        cpu = microseconds([load.cpu for load in found])
        print_figure(f"DNS answers, {what}", f"{per_second(rate)}   {cpu} of CPU for each answer")
    print_ratio("DNS, a node / sqlite", rates[1], rates[0], DNS_BAR)


def _api(url: str) -> tuple[str, int]:
    host, _, port = url.removeprefix("http://").partition(":")
    return host, int(port)


def main() -> None:
    """Measure with the numbers above."""
    run(NAMES, CONNECTIONS, ROUNDS, SECONDS)


if __name__ == "__main__":
    main()
