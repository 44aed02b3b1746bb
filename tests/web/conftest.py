"""A browser and servers that a module's tests share, and a home for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from tests.support.browser import Watched, open_browser
from tests.support.web_pages import WebPages
from tests.support.world import World, open_world, zone_text

Watch = Callable[..., Watched]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """Chromium, as long as a module's tests: it keeps others from running an event loop."""
    with open_browser(tmp_path_factory.mktemp("browser")) as found:
        yield found


@pytest.fixture
def watch(browser: Browser) -> Iterator[Watch]:
    """Open pages at a URL; at the end of the test nothing has gone wrong in any."""
    opened: list[Watched] = []

    def open_page(base: str, **options: Any) -> Watched:
        opened.append(Watched(browser, base, **options))
        return opened[-1]

    yield open_page
    complaints = [one for watched in opened for one in watched.complaints]
    for watched in opened:
        watched.context.close()
    assert complaints == []


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    zones = {"example.com": zone_text("example.com"), "example.net": zone_text("example.net")}
    with open_world(tmp_path_factory.mktemp("world"), zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    """A home of its own for each test, with an account at the CA and a credential for the DNS."""
    world = servers.at(tmp_path)
    prepare(world)
    return world


def prepare(world: World, account: str = "") -> None:
    """Give a home the account, under its name, and the credential ``dns``."""
    world.write_settings(f'account = "{account or world.pebble.directory_url}"')
    options = [option.replace("--directory=", "--ca=") for option in world.ca_options]
    named = [f"--name={account}"] if account else []
    world.good("account", "register", *options, *named)
    fields = [option for option in world.rfc2136_options if option.startswith("--field")]
    server = "--field=server=127.0.0.1"
    world.good("credential", "add", "rfc2136", "--name=dns", server, *fields, "--no-test")


@pytest.fixture
def pages(world: World) -> Iterator[WebPages]:
    """The pages of the home."""
    with WebPages(world.home) as running:
        yield running
        assert not [line for line in running.server.lines if "Traceback" in line]
