"""The service's processes: killed, waited for, or not started at all."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from pathlib import Path

from tests.support.challenge_service import Service


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
    done = subprocess.run(
        [sys.executable, "-m", "zoneproof", "challenge", "serve", "--config", str(config)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode != 0
    assert not done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("zoneproof: ")
    return line
