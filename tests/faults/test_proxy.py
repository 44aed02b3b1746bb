"""The proxy passes on what it does not break, and lets no URL lead past it."""

from __future__ import annotations

from pathlib import Path

from tests.faults.world import open_fault_world
from tests.support.ca_proxy import STEPS


def test_every_step_of_a_run_goes_through_the_proxy(tmp_path: Path) -> None:
    with open_fault_world(tmp_path) as world:
        result = world.issue("example.com", "*.example.com")
        assert result.status == 0, result.stdout + result.stderr
        assert list(dict.fromkeys(world.proxy.seen)) == list(STEPS)
