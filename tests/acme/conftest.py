"""Pebbles for this room's tests, each fresh for a module, and a CA in the test's process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import tests.support.peers  # noqa: F401  says where Pebble is
from tests.acme.fake_ca import FakeCa
from zoneproof.testing.pebble import Pebble

MAC_KEY = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"


@pytest.fixture(scope="module")
def pebble(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pebble]:
    """A strict Pebble that believes every answer, refuses a fifth of all nonces and has 3 roots."""
    environment = {
        "PEBBLE_VA_ALWAYS_VALID": "1",
        "PEBBLE_WFE_NONCEREJECT": "20",
        "PEBBLE_ALTERNATE_ROOTS": "2",
        "PEBBLE_CHAIN_LENGTH": "2",
    }
    folder: Path = tmp_path_factory.mktemp("pebble")
    with Pebble(folder, strict=True, environment=environment) as server:
        yield server


@pytest.fixture
def ca() -> FakeCa:
    return FakeCa()
