"""Clients get one certificate for a name and its wildcard from Pebble, by way of the service."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509

from tests.support.challenge_service import txt
from tests.support.client_world import DOMAIN, NAMES, TENANT, ClientWorld, open_client_world
from tests.support.clients import (
    AcmeDnsPlugin,
    Client,
    Lego,
    Manager,
    ManualHook,
    script_of_the_guide,
)

Reach = Callable[[ClientWorld], str]
"""How a client reaches the service: returns its base URL."""


def without_a_key(world: ClientWorld) -> str:
    return world.service.url


def by_a_key_in_the_user_part(world: ClientWorld) -> str:
    return world.service.url.replace("//", f"//{TENANT}:{world.licence_key}@")


def by_a_key_in_the_path(world: ClientWorld) -> str:
    return f"{world.service.url}/k/{world.licence_key}"


TENANTS: dict[Reach, str | None] = {
    without_a_key: None,
    by_a_key_in_the_user_part: TENANT,
    by_a_key_in_the_path: TENANT,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClientWorld]:
    with open_client_world(tmp_path_factory.mktemp("world")) as opened:
        yield opened
        assert not [line for line in opened.service.lines if opened.licence_key in line]


def names_on(chain: Path) -> set[str]:
    leaf = x509.load_pem_x509_certificate(chain.read_bytes())
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return set(names.get_values_for_type(x509.DNSName))


@pytest.mark.parametrize("reach", TENANTS)
@pytest.mark.parametrize("kind", [Lego, AcmeDnsPlugin, ManualHook, Manager])
def test_a_client_registers_and_then_obtains_a_name_with_its_wildcard(
    world: ClientWorld, kind: type[Client], reach: Reach, tmp_path: Path
) -> None:
    client = kind(world, reach(world), tmp_path / "machine")
    target = client.register()
    world.create_cname(target)
    assert names_on(client.obtain()) == set(NAMES)
    registration = world.registration(target)
    assert registration["tenant"] == TENANTS[reach]
    assert len(registration["values"]) == (0 if client.withdraws else len(NAMES))


def dehydrated_hook(client: ManualHook) -> tuple[Path, dict[str, str]]:
    """Install both scripts of the guide, and return dehydrated's hook and its environment."""
    programs = client.folder / "bin"
    programs.mkdir()
    for name, language in (("acme-dns-hook", "python"), ("dehydrated-acme-dns", "sh")):
        path = programs / name
        path.write_text(script_of_the_guide(language))
        path.chmod(0o755)
    search = f"{programs}:{Path(sys.executable).parent}:/usr/bin:/bin"
    return path, {"PATH": search, "ACME_DNS_ACCOUNTS": str(client.accounts)}


def test_dehydrateds_hook_publishes_and_withdraws(world: ClientWorld, tmp_path: Path) -> None:
    client = ManualHook(world, world.service.url, tmp_path / "machine")
    target = client.register()
    hook, environment = dehydrated_hook(client)

    def call(what: str, value: str) -> list[str]:
        done = client.run(str(hook), what, DOMAIN, "a-file", value, **environment)
        assert done.returncode == 0, done.stderr
        return [each["txt"] for each in world.registration(target)["values"]]

    assert call("deploy_challenge", txt("a")) == [txt("a")]
    assert call("deploy_challenge", txt("b")) == [txt("a"), txt("b")]
    assert call("clean_challenge", txt("a")) == [txt("b")]
    assert call("startup_hook", txt("c")) == [txt("b")]


def test_machines_that_share_a_registration_obtain_at_the_same_time(
    world: ClientWorld, tmp_path: Path
) -> None:
    first, *others = (ManualHook(world, world.service.url, tmp_path / str(n)) for n in range(3))
    world.create_cname(first.register())
    for other in others:
        shutil.copytree(first.accounts, other.accounts)
    with ThreadPoolExecutor() as pool:
        chains = list(pool.map(lambda client: client.obtain(), [first, *others]))
    assert [names_on(chain) for chain in chains] == [set(NAMES)] * 3
