"""The acme-dns provider against our own challenge service: its real API on its real database."""

from __future__ import annotations

import asyncio
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from starlette.types import Receive, Scope, Send

from tests.providers.contract_suite import (
    ChangesNothingTwice,
    KeepsOtherValues,
    SharesNothing,
    TakesManyAtOnce,
)
from tests.providers.harness import (
    Harness,
    HarnessWithSecond,
    challenge_value,
    check_message,
    closing,
    txt,
)
from tests.support.challenge_config import CONFIG
from tests.support.opened_service import OpenRegistrations, open_registrations
from tests.support.registrations import MemoryRegistrations
from zoneproof.challengedns.config import load_config
from zoneproof.core.errors import ProviderCredentialsError, ProviderError
from zoneproof.core.names import DomainName
from zoneproof.providers import ProviderContext, Zone, open_provider
from zoneproof.providers.acme_dns import AcmeDns
from zoneproof.serving.server import HttpServer


@asynccontextmanager
async def our_service(
    folder: Path, requests: list[str]
) -> AsyncIterator[tuple[str, OpenRegistrations]]:
    """Serve the API, noting requests; yields its URL and the registrations behind it."""
    path = folder / "zoneproof.toml"
    path.write_text(CONFIG)
    config = load_config(path)
    registrations = open_registrations(
        config.database, zone=config.registration_zone, value_lifetime=config.value_lifetime
    )
    app = registrations.app(config.api)

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            requests.append(f"{scope['method']} {scope['path']}")
        await app(scope, receive, send)

    server = HttpServer(noting, connections=100, of_one=100)
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    server.start([listening])
    try:
        yield f"http://127.0.0.1:{port}", registrations
    finally:
        await server.stop()
        await registrations.close()


class OurServiceHarness(HarnessWithSecond):
    """The provider with our service, whose values are read from its database."""

    def __init__(self, url: str, service: OpenRegistrations) -> None:
        super().__init__()
        self.url = url
        self.service = service
        self.zone = Zone(DomainName.parse("auth.example.org"))
        self.store = MemoryRegistrations()

    def make(self) -> AcmeDns:
        context = ProviderContext({"server": self.url}, registrations=self.store)
        opened = open_provider("acme-dns", context)
        assert isinstance(opened, AcmeDns)
        return opened

    def open(self) -> AcmeDns:
        provider = self.make()
        self.remember(provider)
        return provider

    async def new_name(self) -> str:
        domain = DomainName.parse(f"{secrets.token_hex(6)}.example.com")
        target = await self.open().target(domain, create=True)
        assert target is not None
        return target.relative_to(self.zone.name)

    async def values(self, zone: Zone, name: str) -> list[str]:
        return [value for value, _ in await self.service.values(name)]

    def second(self) -> Harness:
        return OurServiceHarness(self.url, self.service)


@pytest.fixture
def requests() -> list[str]:
    """What the service was asked, as ``POST /update``."""
    return []


@pytest.fixture
async def harness(tmp_path: Path, requests: list[str]) -> AsyncIterator[OurServiceHarness]:
    async with (
        our_service(tmp_path, requests) as (url, service),
        closing(OurServiceHarness(url, service)) as made,
    ):
        yield made


class TestContract(KeepsOtherValues, ChangesNothingTwice, TakesManyAtOnce, SharesNothing):
    """No other types, zones and texts: the service has TXT values of dns-01 only."""


async def test_a_value_that_is_no_challenge_value_is_refused(harness: OurServiceHarness) -> None:
    name = await harness.new_name()
    with pytest.raises(ProviderError, match="43") as caught:
        await harness.open().add(harness.zone, [txt(name, "short")])
    check_message(caught.value, [])


async def test_a_key_that_was_changed_there_is_told(harness: OurServiceHarness) -> None:
    name, value = await harness.new_name(), challenge_value()
    await harness.service.rotate(name)
    (registration,) = harness.store.kept.values()
    provider = harness.open()
    with pytest.raises(ProviderCredentialsError, match="key changed") as caught:
        await provider.add(harness.zone, [txt(name, value)])
    check_message(caught.value, [registration.password])
    with pytest.raises(ProviderCredentialsError, match="key changed") as caught:
        await provider.remove(harness.zone, [txt(name, value)])
    check_message(caught.value, [registration.password])


async def test_domain_and_allowfrom_reach_the_registration(harness: OurServiceHarness) -> None:
    fields = {"server": harness.url, "allowfrom": "192.0.2.1; 2001:db8::/32"}
    provider = open_provider("acme-dns", ProviderContext(fields, registrations=harness.store))
    assert isinstance(provider, AcmeDns)
    harness.remember(provider)
    target = await provider.target(DomainName.parse("example.com"), create=True)
    assert target is not None
    registration = await harness.service.get(target.labels[0])
    assert registration.allowfrom == ("192.0.2.1/32", "2001:db8::/32")
    assert registration.note == "example.com"
    with pytest.raises(ProviderCredentialsError, match="allowfrom"):
        await provider.add(Zone(target), [txt("", challenge_value())])


async def test_a_licence_key_that_was_revoked_is_named_as_a_cause(
    harness: OurServiceHarness,
) -> None:
    await harness.service.tenants.create("acme")
    key = await harness.service.tenants.create_key("acme")
    harness.url += f"/k/{key.key}/"
    name = await harness.new_name()
    await harness.service.tenants.revoke_key(key.id)
    with pytest.raises(ProviderCredentialsError, match="licence key in the URL") as caught:
        await harness.open().add(harness.zone, [txt(name, challenge_value())])
    check_message(caught.value, [key.key])


async def test_behind_a_path_it_is_asked_once_whether_it_withdraws_values(
    harness: OurServiceHarness, requests: list[str]
) -> None:
    await harness.service.tenants.create("acme")
    key = await harness.service.tenants.create_key("acme")
    harness.url += f"/acme-dns/k/{key.key}/"
    names = [await harness.new_name() for _ in range(3)]
    requests.clear()
    provider = harness.open()
    places = await asyncio.gather(*(provider.max_values(harness.zone, name) for name in names))
    assert places == [None] * 3
    values = [challenge_value() for _ in names]
    for name, value in zip(names, values, strict=True):
        await provider.add(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == [value]
        await provider.remove(harness.zone, [txt(name, value)])
        assert await harness.values(harness.zone, name) == []
    update = f"/acme-dns/k/{key.key}/update"
    assert requests == [f"DELETE {update}", *[f"POST {update}", f"DELETE {update}"] * 3]
