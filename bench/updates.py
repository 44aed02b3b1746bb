"""``/update`` requests a second on 32 keep-alive connections, each with a new value.

With the path of an acme-dns binary in $ACME_DNS, beside that: the same client, one account for
each connection.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench._accounts import Account, account, updates
from bench._acme_dns import AcmeDns, acme_dns_binary
from bench._figures import Bar, microseconds, per_second, print_figure, print_ratio, print_title
from bench._http import call_for
from bench._processes import cpu_seconds
from bench._service import fill, make_service
from tests.support.challenge_service import ZONE

CONNECTIONS = 32
ROUNDS = 5
SECONDS = 5.0
BAR = Bar("at least", 150)


@dataclass
class Api:
    """An API under test, its replies a second and the CPU for each, round by round."""

    name: str
    address: tuple[str, int]
    processes: Sequence[int]
    accounts: list[Account]
    rates: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def ask(self, connections: int, seconds: float) -> None:
        """Send updates for some seconds, and note how many a second were done."""
        start, cpu = time.perf_counter(), cpu_seconds(self.processes)
        rate = call_for(
            self.address,
            connections,
            updates(self.accounts),
            lambda: time.perf_counter() > start + seconds,
        )
        self.rates.append(rate)
        cpu = cpu_seconds(self.processes) - cpu
        done = rate * (time.perf_counter() - start)
        self.cpu.append(cpu / done if done else float("inf"))


def run(connections: int, rounds: int, seconds: float) -> None:
    """Measure in turn, and print."""
    print_title(
        f"/update requests a second on {connections} connections,"
        f" {rounds} rounds of {seconds:g} s each in turn"
    )
    print_figure("shared", "the client, one process, runs on the same cores")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        service = make_service(Path(name) / "zoneproof")
        fill(service.database, connections)
        stack.enter_context(service)
        accounts = [account(number) for number in range(connections)]
        ours = Api("zoneproof", service.api, service.processes(), accounts)
        apis = [ours]
        if acme_dns_binary():
            peer = stack.enter_context(AcmeDns(Path(name) / "acme-dns", ZONE))
            registered = _registered(peer, connections)
            apis.append(Api("acme-dns", peer.api, [peer.process.pid], registered))
        else:
            print_figure("acme-dns", "not measured: give the path of its binary in $ACME_DNS")
        for api in apis:
            api.ask(connections, seconds / 4)
            api.rates.clear()
            api.cpu.clear()
        for _ in range(rounds):
            for api in apis:
                api.ask(connections, seconds)
    for api in apis:
        print_figure(
            api.name, f"{per_second(api.rates)}   {microseconds(api.cpu)} of CPU for each update"
        )
    for other in apis[1:]:
        print_ratio(f"zoneproof / {other.name}", ours.rates, other.rates, BAR)


def _registered(peer: AcmeDns, count: int) -> list[Account]:
    return [peer.register()[0] for _ in range(count)]


def main() -> None:
    """Measure with the numbers above."""
    run(CONNECTIONS, ROUNDS, SECONDS)


if __name__ == "__main__":
    main()
