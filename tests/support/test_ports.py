"""Free ports: each is given away once, whoever asks, and none that is in use."""

from __future__ import annotations

import socket
import subprocess
import sys

from zoneproof.testing.ports import free_port

_MANY = (
    "import sys; from zoneproof.testing.ports import free_port;"
    " print(*(free_port() for _ in range(200)))"
)


def test_processes_side_by_side_get_different_ports() -> None:
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", f"{_MANY}; sys.stdout.flush(); input()"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    # Each ends when all have their ports.
    lines = [each.stdout.readline() for each in processes if each.stdout is not None]
    for each in processes:
        each.communicate("\n", timeout=30)
    given = [port for line in lines for port in line.split()]
    assert len(set(given)) == len(given) == 600


def test_a_port_in_use_is_not_given() -> None:
    first = free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", first - 1))
        assert first - 1 not in {free_port() for _ in range(100)}
