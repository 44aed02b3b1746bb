"""How long DNS answers take while the API is kept as busy as it can be, beside an idle API.

Questions come at a fixed rate; see :mod:`bench._paced` for how their answers are timed.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench._accounts import account
from bench._figures import Bar, milliseconds, per_second, print_figure, print_ratio, print_title
from bench._paced import Latencies, ask_at, together
from bench._service import BenchService, fill, make_service
from bench._storm import storm
from tests.support.challenge_service import ZONE

RATE = 500.0
NAMES = 10_000
ROUNDS = 7
SECONDS = 8.0
BAR = Bar("at most", 3)
_CONNECTIONS = 32


def run(names: int, rate: float, rounds: int, seconds: float) -> None:
    """Measure idle and in both kinds of storm, in turn, and print."""
    print_title(
        f"time to answer {rate:g} TXT questions a second, {names:,} names,"
        f" {rounds} rounds of {seconds:g} s each in turn"
    )
    print_figure(
        "shared", "all run on the same cores; the storm's client takes what is left of them"
    )
    with tempfile.TemporaryDirectory() as name:
        service = make_service(Path(name))
        fill(service.database, names)
        with service:
            service.wait_until_idle()
            _measure(service, names, rate, rounds, seconds)


def _measure(service: BenchService, names: int, rate: float, rounds: int, seconds: float) -> None:
    asked = [f"{account(number).subdomain}.{ZONE}" for number in range(names)]
    calm: list[Latencies] = []
    stormy: dict[str, list[Latencies]] = {"register": [], "update": []}
    rates: dict[str, list[float]] = {kind: [] for kind in stormy}
    for _ in range(rounds):
        calm.append(ask_at(rate, seconds, service.dns_port, asked))
        for kind in stormy:
            with storm(kind, service.api, _CONNECTIONS, names) as blown:
                stormy[kind].append(ask_at(rate, seconds, service.dns_port, asked))
            rates[kind].append(blown.rate)
    _print("idle", calm)
    for kind, found in stormy.items():
        _print(f"storm of /{kind}", found)
        print_figure(f"/{kind}", per_second(rates[kind]))
    for kind, found in stormy.items():
        what = f"p99, storm of /{kind} / idle"
        print_ratio(what, _p99(found), _p99(calm), BAR)
        print_ratio(f"{what}: service", _p99(found, of_service=True), _p99(calm, of_service=True))


def _p99(rounds: list[Latencies], *, of_service: bool = False) -> list[float]:
    return [each.quantile(0.99, of_service=of_service) for each in rounds]


def _print(what: str, rounds: list[Latencies]) -> None:
    every = together(rounds)
    for part, of_service in (("from due", False), ("service", True)):
        shares = "   ".join(
            f"{name} {milliseconds(every.quantile(share, of_service=of_service))}"
            for name, share in (("median", 0.5), ("p99", 0.99), ("p99.9", 0.999))
        )
        print_figure(f"{what}: {part}", f"{shares}   {every.lost} lost")


def main() -> None:
    """Measure with the numbers above."""
    run(NAMES, RATE, ROUNDS, SECONDS)


if __name__ == "__main__":
    main()
