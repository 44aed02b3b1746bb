"""Servers that a module's tests share, and a home with a managed certificate for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.manager.managed import DAY
from tests.support.world import World, open_world, zone_text

PROFILES = {
    "profiles": {
        "default": {"description": "90 days", "validityPeriod": 90 * DAY},
        "days": {"description": "3 days", "validityPeriod": 3 * DAY},
    }
}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    zones = {"example.com": zone_text("example.com")}
    with open_world(folder, zones, pebble_config=PROFILES) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    """The same servers for all tests, and a home of its own for each, with one certificate."""
    world = servers.at(tmp_path)
    world.write_settings(f'account = "{world.pebble.directory_url}"')
    result = world.run("add", "example.com", *world.rfc2136_options, "--profile=default")
    assert result.status == 0, result.stderr
    return world
