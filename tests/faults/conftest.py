"""Servers that a module's tests share, and a home of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.world import FaultWorld, open_fault_world


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultWorld]:
    """The servers."""
    with open_fault_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


@pytest.fixture
def world(servers: FaultWorld, tmp_path: Path) -> FaultWorld:
    """The servers for a machine that knows nothing yet, and a CA without faults."""
    servers.proxy.obey()
    return servers.at(tmp_path)
