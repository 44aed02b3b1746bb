"""TXT questions a second: the service beside Knot, which serves the same names and values.

With the path of an acme-dns binary in $ACME_DNS, beside that too, with the same names as well.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import _dnsperf
from bench._accounts import account, value
from bench._acme_dns import AcmeDns, acme_dns_binary
from bench._dnsperf import Load
from bench._figures import Bar, microseconds, per_second, print_figure, print_ratio, print_title
from bench._knot import Knot
from bench._service import fill, make_service
from tests.support.challenge_service import ZONE

NAMES = 1_000
ROUNDS = 9
SECONDS = 4.0
KNOT_BAR = Bar("at least", 0.9)
KNOT_CPU_BAR = Bar("at most", 1.2)
ACME_DNS_BAR = Bar("at least", 5)


@dataclass
class Server:
    """A server under test, and what was measured of it, round by round."""

    name: str
    port: int
    processes: Sequence[int]
    questions: Path
    loads: list[Load] = field(default_factory=list)

    @property
    def rates(self) -> list[float]:
        """Answers a second."""
        return [load.per_second for load in self.loads]

    @property
    def cpu(self) -> list[float]:
        """Seconds of CPU for each answer."""
        return [load.cpu for load in self.loads]

    def ask(self, seconds: float) -> Load:
        """Ask for some seconds."""
        return _dnsperf.ask(self.port, self.processes, self.questions, seconds)


def run(names: int, rounds: int, seconds: float) -> None:
    """Measure all servers in turn, and print."""
    cores = os.cpu_count() or 1
    values = {f"{account(number).subdomain}.{ZONE}": value(number) for number in range(names)}
    print_title(
        f"TXT questions a second, {names:,} names, {rounds} rounds of {seconds:g} s each in turn"
    )
    print_figure("shared", "dnsperf runs on the same cores and takes its part of them")
    print_figure("workers", f"{cores} for UDP, in the service and in Knot")
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        questions = folder / "questions"
        _dnsperf.write_questions(questions, list(values), names)
        service = make_service(folder / "zoneproof")
        fill(service.database, names)
        stack.enter_context(service)
        knot = stack.enter_context(Knot(folder / "knot", ZONE, values, workers=cores))
        ours = Server("zoneproof", service.dns_port, service.processes(), questions)
        servers = [ours, Server("knot", knot.port, [knot.process.pid], questions)]
        bars = {"knot": KNOT_BAR, "acme-dns": ACME_DNS_BAR}
        if acme_dns_binary():
            peer = AcmeDns(folder / "acme-dns", ZONE)
            peer.fill(names)
            stack.enter_context(peer)
            servers.append(Server("acme-dns", peer.dns_port, [peer.process.pid], questions))
        else:
            print_figure("acme-dns", "not measured: give the path of its binary in $ACME_DNS")
        service.wait_until_idle()
        for server in servers:
            server.ask(seconds / 4)
        for _ in range(rounds):
            for server in servers:
                server.loads.append(server.ask(seconds))
        _print(ours, servers[1:], bars)


def _print(ours: Server, peers: Sequence[Server], bars: dict[str, Bar]) -> None:
    for server in (ours, *peers):
        cpu = microseconds(server.cpu)
        lost = sum(load.lost for load in server.loads)
        print_figure(
            server.name, f"{per_second(server.rates)}   {cpu} of CPU for each answer   {lost} lost"
        )
    for peer in peers:
        print_ratio(f"zoneproof / {peer.name}", ours.rates, peer.rates, bars[peer.name])
        if peer.name == "knot":
            print_ratio("CPU, zoneproof / knot", ours.cpu, peer.cpu, KNOT_CPU_BAR)


def main() -> None:
    """Measure with the numbers above."""
    run(NAMES, ROUNDS, SECONDS)


if __name__ == "__main__":
    main()
