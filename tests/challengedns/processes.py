"""The service's processes: killed, waited for, or not started at all."""

from __future__ import annotations

import os
import select
import signal
from pathlib import Path

from tests.support.challenge_service import Service, challenge_command
from tests.support.command import Result


def wait_for_end(processes: list[int]) -> None:
    """Return when the processes have ended, which need not be our children."""
    for process in processes:
        try:
            descriptor = os.pidfd_open(process)
        except ProcessLookupError:
            continue
        ready, _, _ = select.select([descriptor], [], [], 10)
        os.close(descriptor)
        assert ready, f"process {process} continues"


def kill_workers(service: Service) -> None:
    workers = service.workers()
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    wait_for_end(workers)


def fails_to_start(config: Path) -> str:
    """Return the one line that the service says instead of starting."""
    return refusal(challenge_command(config, "serve"))


def refusal(done: Result) -> str:
    """Return the one line that the service said instead of starting."""
    assert done.status > 0
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("zoneproof: ")
    return line
