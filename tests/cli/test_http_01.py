"""``zoneproof issue`` by http-01: a listener, a web server's folder, IP addresses, crashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography import x509

from tests.support.command import Result
from tests.support.web_server import web_server
from tests.support.world import World, open_world, zone_text

SITE = "127.0.0.3"


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    zones = {
        "example.com": zone_text(
            "example.com",
            "host A 127.0.0.1",
            f"site A {SITE}",
            "denied A 127.0.0.1",
            'denied CAA 0 issue "other.example"',
        ),
        "com": zone_text("com"),
    }
    with open_world(tmp_path_factory.mktemp("world"), zones) as world:
        yield world


@pytest.fixture
def world(servers: World, tmp_path: Path) -> World:
    return servers.at(tmp_path)


@pytest.fixture
def webroot(world: World, tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "htdocs"
    folder.mkdir()
    with web_server(folder, SITE, world.pebble.http_port):
        yield folder


def arguments(world: World, *more: str) -> list[str]:
    return ["issue", "--json", *world.ca_options, *world.dns_options, *more]


def issue(world: World, *more: str) -> Result:
    return world.run(*arguments(world, *more))


def names_of(world: World, certificate: str) -> set[str]:
    path = world.home / "live" / certificate / "cert.pem"
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in names}


def test_a_listener_answers_for_names_and_ip_addresses(world: World) -> None:
    listen = f"--standalone=127.0.0.1:{world.pebble.http_port}"
    result = issue(world, "host.example.com", "127.0.0.1", listen)
    assert result.status == 0, result.stdout
    assert names_of(world, "host.example.com") == {"host.example.com", "127.0.0.1"}
    assert result.event_names.count("answer_served") == 2
    assert "warning" not in result.event_names


def test_a_web_servers_folder_answers_and_is_left_as_it_was(world: World, webroot: Path) -> None:
    result = issue(world, "site.example.com", SITE, f"--webroot={webroot}")
    assert result.status == 0, result.stdout
    assert names_of(world, "site.example.com") == {"site.example.com", SITE}
    assert list(webroot.iterdir()) == []


def test_an_ip_address_takes_the_http_01_method_that_there_is(world: World, webroot: Path) -> None:
    resolvers = f'resolvers=["127.0.0.1:{world.unbound.port}"]'
    result = world.run(
        "issue",
        "--json",
        *world.ca_options,
        f"--authoritative-port={world.knot.port}",
        f'--method=match="site.example.com", challenge="http-01", webroot="{webroot}", {resolvers}',
        f'--method=match="other.org", challenge="http-01", listen="127.0.0.1:1", {resolvers}',
        "site.example.com",
        SITE,
    )
    assert result.status == 0, result.stdout


def test_a_killed_run_leaves_a_file_that_the_next_one_for_any_certificate_removes(
    world: World, webroot: Path
) -> None:
    options = arguments(world, "site.example.com", f"--webroot={webroot}")
    killed = world.run("answer_served", *options, module="tests.cli.crash_at")
    assert killed.status == -9, killed.stderr
    assert [path for path in webroot.rglob("*") if path.is_file()]
    listen = f"--standalone=127.0.0.1:{world.pebble.http_port}"
    result = issue(world, "host.example.com", listen)
    assert result.status == 0, result.stdout
    assert result.event("file_removed")["webroot"] == str(webroot)
    assert list(webroot.iterdir()) == []


def test_a_port_in_use_is_one_line(world: World, webroot: Path) -> None:
    del webroot  # its web server holds the port
    listen = f"--standalone={SITE}:{world.pebble.http_port}"
    result = issue(world, "site.example.com", listen)
    assert result.status == 1
    assert "another program listens there" in result.event("error")["message"]


def test_caa_that_forbids_it_is_told_before_the_order_and_can_be_overridden(world: World) -> None:
    listen = f"--standalone=127.0.0.1:{world.pebble.http_port}"
    refused = issue(world, "denied.example.com", listen)
    assert refused.status == 1
    assert 'record 0 issue "other.example" allows another CA' in refused.event("error")["message"]
    assert "order_created" not in refused.event_names
    assert issue(world, "denied.example.com", listen, "--ignore-caa").status == 0
