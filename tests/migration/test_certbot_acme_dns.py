"""Real clients of the challenge service: what they keep is read, and what we export they use."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.client_world import DOMAIN, NAMES, ClientWorld, open_client_world
from tests.support.clients import AcmeDnsPlugin, Lego
from zoneproof.core.names import DomainName
from zoneproof.migration.certbot import read_certbot
from zoneproof.migration.found import Found
from zoneproof.migration.registrations import (
    export_certbot_hook,
    export_goacmedns,
    read_registrations,
)
from zoneproof.providers import Registration


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientWorld]:
    with open_client_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened


def the_registration(found: Found) -> dict[DomainName, Registration]:
    assert found.problems == ()
    return {one.domain: one.registration for one in found.registrations}


@pytest.mark.parametrize("kind", [AcmeDnsPlugin, Lego])
def test_a_certificate_through_acme_dns_is_read_with_its_registration(
    world: ClientWorld, kind: type[AcmeDnsPlugin | Lego], tmp_path: Path
) -> None:
    client = kind(world, world.service.url, tmp_path / "machine")
    target = client.register()
    world.create_cname(target)
    client.obtain()
    found = read_certbot(client.folder / "certbot")
    registrations = the_registration(found)
    assert list(registrations) == [DomainName(DOMAIN)]
    assert registrations[DomainName(DOMAIN)].fulldomain.text == target.rstrip(".")
    certificate = found.certificates[0]
    assert {str(name) for name in certificate.identifiers} == set(NAMES)
    assert certificate.method.provider == "acme-dns"
    assert certificate.method.fields == {"server": world.service.url}
    (note,) = certificate.notes
    assert "is a private CA" in note


def test_the_plugin_of_another_machine_uses_what_is_exported(
    world: ClientWorld, tmp_path: Path
) -> None:
    first = AcmeDnsPlugin(world, world.service.url, tmp_path / "first")
    world.create_cname(first.register())
    read = read_registrations(first.folder / "accounts.json", server=world.service.url)
    second = AcmeDnsPlugin(world, world.service.url, tmp_path / "second")
    accounts = second.folder / "accounts.json"
    accounts.touch(0o600)
    accounts.write_bytes(export_certbot_hook(the_registration(read)))
    assert second.obtain().exists()


def test_lego_on_another_machine_uses_what_is_exported(world: ClientWorld, tmp_path: Path) -> None:
    first = Lego(world, world.service.url, tmp_path / "first")
    world.create_cname(first.register())
    read = read_registrations(first.folder / "lego-accounts.json")
    second = Lego(world, world.service.url, tmp_path / "second")
    accounts = second.folder / "lego-accounts.json"
    accounts.write_bytes(export_goacmedns(the_registration(read)))
    assert second.obtain().exists()
