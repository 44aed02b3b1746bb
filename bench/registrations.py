"""TXT questions a second with 1,000,000 registrations beside 1,000, and the memory of both.

Every registration has a live value, and the questions are spread over all of them. The files of
questions are equally long, so that dnsperf has the same work with both.

Warm: every DNS worker has read all values. Cold: the service has just started.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import _dnsperf
from bench._accounts import account
from bench._dnsperf import Load
from bench._figures import (
    Bar,
    megabytes,
    microseconds,
    per_second,
    print_figure,
    print_ratio,
    print_title,
)
from bench._service import BenchService, fill, make_service
from tests.support.challenge_service import ZONE

FEW, MANY = 1_000, 1_000_000
ROUNDS = 9
SECONDS = 4.0
BAR = Bar("at least", 0.9)


@dataclass
class Size:
    """So many registrations, and the answers a second about them, round by round."""

    count: int
    folder: Path
    cold: list[Load] = field(default_factory=list)
    warm: list[Load] = field(default_factory=list)

    def ask(self, service: BenchService, seconds: float) -> Load:
        """Ask for some seconds."""
        questions = self.folder / "questions"
        return _dnsperf.ask(service.dns_port, service.processes(), questions, seconds)

    def prepare(self, lines: int) -> None:
        """Make the database and the questions."""
        start = time.perf_counter()
        database = make_service(self.folder).database
        fill(database, self.count)
        names = [f"{account(number).subdomain}.{ZONE}" for number in range(self.count)]
        _dnsperf.write_questions(self.folder / "questions", names, lines)
        seconds = time.perf_counter() - start
        size = megabytes(database.stat().st_size)
        print_figure(f"{self.count:,}: database", f"{size}, made in {seconds:.0f} s")


def run(few: int, many: int, rounds: int, seconds: float) -> None:
    """Measure both sizes in turn, and print."""
    print_title(
        f"TXT questions a second, {many:,} registrations beside {few:,},"
        f" {rounds} rounds of {seconds:g} s each in turn"
    )
    print_figure("shared", "dnsperf runs on the same cores and takes its part of them")
    with tempfile.TemporaryDirectory() as name:
        sizes = [Size(count, Path(name) / str(count)) for count in (few, many)]
        for size in sizes:
            size.prepare(lines=many)
        _measure_cold(sizes, seconds)
        _measure_warm(sizes, rounds, seconds)
    small, large = sizes
    ratio = f"{many:,} / {few:,}"
    print_ratio(f"cold, {ratio}", _rates(large.cold), _rates(small.cold))
    print_ratio(f"warm, {ratio}", _rates(large.warm), _rates(small.warm), BAR)


def _rates(loads: Sequence[Load]) -> list[float]:
    return [load.per_second for load in loads]


def _print(what: str, loads: Sequence[Load]) -> None:
    cpu = microseconds([load.cpu for load in loads])
    lost = sum(load.lost for load in loads)
    print_figure(what, f"{per_second(_rates(loads))}   {cpu} of CPU for each answer   {lost} lost")


def _measure_cold(sizes: list[Size], seconds: float) -> None:
    for size in sizes:
        with make_service(size.folder) as service:
            print_figure(f"{size.count:,}: memory at the start", megabytes(service.memory()))
            size.cold.append(size.ask(service, seconds))
        _print(f"{size.count:,}: cold, first {seconds:g} s", size.cold)


def _measure_warm(sizes: list[Size], rounds: int, seconds: float) -> None:
    with contextlib.ExitStack() as stack:
        services = [stack.enter_context(_warm(size)) for size in sizes]
        for size, service in zip(sizes, services, strict=True):
            size.ask(service, seconds)
        for _ in range(rounds):
            for size, service in zip(sizes, services, strict=True):
                size.warm.append(size.ask(service, seconds))
        for size, service in zip(sizes, services, strict=True):
            _print(f"{size.count:,}: warm", size.warm)
            print_figure(f"{size.count:,}: memory after all", megabytes(service.memory()))


@contextlib.contextmanager
def _warm(size: Size) -> Iterator[BenchService]:
    with make_service(size.folder) as service:
        start = time.perf_counter()
        service.wait_until_idle()
        took = time.perf_counter() - start
        print_figure(f"{size.count:,}: warm after", f"{took:.1f} s without questions")
        print_figure(f"{size.count:,}: memory, warm", megabytes(service.memory()))
        yield service


def main() -> None:
    """Measure with the numbers above."""
    run(FEW, MANY, ROUNDS, SECONDS)


if __name__ == "__main__":
    main()
