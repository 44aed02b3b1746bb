"""Servers that a module's tests share, and a home of its own for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.world import World, open_world, zone_text


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The servers."""
    zones = {"example.com": zone_text("example.com"), "example.net": zone_text("example.net")}
    with open_world(tmp_path_factory.mktemp("world"), zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    """The servers for a machine whose settings name them."""
    world = servers.at(tmp_path)
    world.write_settings()
    return world
