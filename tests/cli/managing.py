"""Managed certificates by the command line: homes for tests, and what is done in most of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.support.world import Result, World, open_world, zone_text

CHALLENGE = "_acme-challenge.example.com"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    zones = {"example.com": zone_text("example.com"), "example.net": zone_text("example.net")}
    with open_world(folder, zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    """The same servers for all tests, and a home of its own for each, whose settings name them."""
    world = World(tmp_path, servers.knot, servers.unbound, servers.pebble)
    world.write_settings()
    return world


def issue(world: World, *arguments: str) -> Result:
    """Issue with what the settings do not say."""
    result = world.run("issue", *world.rfc2136_options, *world.ca_options, *arguments)
    assert result.status == 0, result.stdout + result.stderr
    return result


def add(world: World, *arguments: str) -> Result:
    """Save a certificate; the account is at the test CA."""
    return world.run("add", *world.rfc2136_options, world.ca_options[0], *arguments)


def add_broken(world: World, *arguments: str) -> None:
    """Save a certificate whose provider is where no name server is."""
    options = [
        option.replace(f"port={world.knot.port}", f"port={world.pebble.port}")
        for option in world.rfc2136_options
    ]
    result = world.run("add", *options, world.ca_options[0], *arguments)
    assert result.status == 0, result.stderr


def facts(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(world.run("show", name, "--json").stdout)
    return found


def leaf(world: World, name: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate((world.home / f"live/{name}/cert.pem").read_bytes())
