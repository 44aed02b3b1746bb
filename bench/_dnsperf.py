"""Runs dnsperf, which asks as fast as answers come, and reads what it says."""

from __future__ import annotations

import os
import random
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench._processes import cpu_seconds
from tests.support.peers import dns_tool, dns_tool_environment

# With these a Knot on two cores answers most; more outstanding questions get lost.
_CLIENTS = 16
_OUTSTANDING = 100


@dataclass(frozen=True)
class Load:
    """Answers a second, questions without one, and the server's seconds of CPU for each answer."""

    per_second: float
    lost: int
    cpu: float


def write_questions(path: Path, names: Sequence[str], lines: int) -> None:
    """Write TXT questions for names, each of them as often as another, in random order."""
    order = random.Random(0)
    with path.open("w") as file:
        for start in range(0, lines, len(names)):
            chosen = order.sample(names, min(len(names), lines - start))
            file.writelines(f"{name} TXT\n" for name in chosen)


def ask(port: int, processes: Sequence[int], questions: Path, seconds: float) -> Load:
    """Ask a server on loopback that consists of these processes, with EDNS as resolvers do.

    One that answers nothing, as on a busy machine in a short time, is asked twice more. Raises
    ValueError then, and if an answer was anything but NOERROR.
    """
    for _ in range(3):
        if load := _ask(port, processes, questions, seconds):
            return load
    raise ValueError(f"the server at port {port} answered nothing in three times {seconds:g} s")


def _ask(port: int, processes: Sequence[int], questions: Path, seconds: float) -> Load | None:
    cpu = cpu_seconds(processes)
    done = subprocess.run(
        [
            dns_tool("dnsperf"),
            *("-s", "127.0.0.1", "-p", str(port), "-d", str(questions), "-l", str(seconds)),
            *("-c", str(_CLIENTS), "-T", str(os.cpu_count() or 1), "-q", str(_OUTSTANDING), "-e"),
        ],
        env={**os.environ, **dns_tool_environment()},
        capture_output=True,
        text=True,
        check=True,
    )
    cpu = cpu_seconds(processes) - cpu
    completed = int(_find(r"Queries completed:\s+(\d+)", done.stdout))
    if not completed:
        return None
    codes = _find(r"Response codes:\s+(.*)", done.stdout)
    if not re.fullmatch(r"NOERROR \d+ \(100\.00%\)", codes):
        raise ValueError(f"the server at port {port} answered {codes}")
    return Load(
        per_second=float(_find(r"Queries per second:\s+([\d.]+)", done.stdout)),
        lost=int(_find(r"Queries lost:\s+(\d+)", done.stdout)),
        cpu=cpu / completed,
    )


def _find(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    if not found:
        raise ValueError(f"dnsperf said nothing like {pattern!r}: {text[-500:]}")
    return found[1]
