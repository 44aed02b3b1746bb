"""How many connections open files and memory allow."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.challenge_service import write_config
from zoneproof.challengedns.config import Config, load_config
from zoneproof.challengedns.runtime.capacity import Capacity, capacity
from zoneproof.serving.capacity import file_limit, usable_memory

PLENTY = 1_000_000


@pytest.fixture
def config(tmp_path: Path) -> Config:
    return load_config(write_config(tmp_path))


def test_a_machine_with_plenty_takes_thousands(config: Config) -> None:
    found = capacity(config, PLENTY, 16 * 10**9)
    assert (found.api, found.dns) == (4096, 2048)
    assert found.api_of_one == 256
    assert found.dns_of_one == 512


@pytest.mark.parametrize("files", [256, 1024, 4096])
def test_the_limit_of_open_files_is_never_reached(config: Config, files: int) -> None:
    found = capacity(config, files, 16 * 10**9)
    assert 64 < found.api < files - 100
    assert 64 < found.dns < files - 50


def test_little_memory_means_fewer_connections(config: Config) -> None:
    found = capacity(config, PLENTY, 512 * 2**20)
    assert found.memory < 0.4 * 512 * 2**20
    assert found.api > 200
    assert found.dns > 200


def test_what_the_configuration_says_counts_within_the_open_files(tmp_path: Path) -> None:
    path = write_config(tmp_path, dns="workers = 1\ntcp_connections = 700", api="connections = 900")
    found = capacity(load_config(path), PLENTY, 512 * 2**20)
    assert (found.api, found.dns) == (900, 700)
    assert capacity(load_config(path), 500, 512 * 2**20).api < 500


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**7), st.integers(0, 10**13))
def test_there_are_always_some_and_a_share_of_them_for_one(
    config: Config, files: int, memory: int
) -> None:
    found = capacity(config, files, memory)
    for all_of_them, of_one in ((found.api, found.api_of_one), (found.dns, found.dns_of_one)):
        assert 1 <= of_one <= all_of_them <= max(1, files)
        assert of_one >= min(all_of_them, 200)  # a CA's resolver may have so many names at once


def test_this_machine_has_a_limit_and_memory(config: Config) -> None:
    assert isinstance(capacity(config, file_limit(), usable_memory()), Capacity)
    assert 2**26 < usable_memory() < 2**50
