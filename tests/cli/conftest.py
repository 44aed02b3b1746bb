"""What tests of commands share: servers, a home for each test, and one with everything."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from tests.cli.archives import PASSPHRASE, content_of
from tests.support.full_home import fill
from tests.support.world import World, open_world, zone_text
from zoneproof.migration import sealed_file
from zoneproof.migration.sealed_file import seal


@pytest.fixture(scope="module", autouse=True)
def _keys_made_once() -> Iterator[None]:
    """Passphrases become keys once, all with one salt: that takes a third of a second by design."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealed_file, "_key", cache(sealed_file._key))
        patch.setattr(sealed_file, "os", SimpleNamespace(urandom=cache(os.urandom)))
        yield


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


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with everything."""
    home = tmp_path_factory.mktemp("old") / "home"
    asyncio.run(fill(home))
    return home


@pytest.fixture(scope="module")
def exported(filled: Path) -> bytes:
    """An archive of it."""
    return seal(msgspec.json.encode(content_of(filled)), PASSPHRASE)


@pytest.fixture
def archive(exported: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PASSPHRASE", PASSPHRASE)
    path = tmp_path / "home.zp"
    path.write_bytes(exported)
    return path
