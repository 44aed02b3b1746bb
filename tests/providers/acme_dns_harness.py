"""The acme-dns provider beside a fake of its API, as the contract's tests and others need it."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from typing import ClassVar

import pytest

from tests.providers.harness import (
    Failure,
    HarnessWithRefusal,
    HarnessWithSecond,
    HarnessWithTrouble,
    challenge_value,
    closing,
    no_sleep,
    txt,
)
from tests.support.fake_acme_dns import FakeAcmeDns
from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from tests.support.registrations import MemoryRegistrations
from zoneproof.core.errors import (
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.names import DomainName
from zoneproof.providers import ProviderContext, TxtRecord, Zone, open_provider
from zoneproof.providers.acme_dns import AcmeDns

KEY = "licence-key-0123456789"
DOMAIN = DomainName.parse("example.com")
WILDCARD = DomainName.parse("*.example.com")
WEB_PAGE = Reply(200, b"<html><title>Welcome to nginx!</title></html>")


def open_acme_dns(
    server: str, store: MemoryRegistrations | None, *, deadline: float, **changed: str
) -> AcmeDns:
    context = ProviderContext(
        {"server": server} | changed, registrations=store, timeout=deadline, sleep=no_sleep
    )
    opened = open_provider("acme-dns", context)
    assert isinstance(opened, AcmeDns)
    return opened


class AcmeDnsHarness(HarnessWithTrouble, HarnessWithSecond, HarnessWithRefusal):
    """The provider with a service that wants a licence key, and a store of registrations."""

    kinds: ClassVar = HarnessWithTrouble.kinds | {ProviderUnavailableError, ProviderError}

    def __init__(self, api: FakeAcmeDns, server: FakeHttpServer) -> None:
        super().__init__()
        self.api = api
        self.server = server
        self.store = MemoryRegistrations()
        self.zone = Zone(DomainName.parse(api.domain))
        self.hidden = [KEY]

    def make(self) -> AcmeDns:
        return open_acme_dns(self.url, self.store, deadline=30.0)

    def open(self, deadline: float = 30.0) -> AcmeDns:
        provider = open_acme_dns(self.url, self.store, deadline=deadline)
        self.remember(provider)
        return provider

    @property
    def url(self) -> str:
        return self.server.url.replace("://", f"://me:{KEY}@")

    async def new_name(self) -> str:
        domain = DomainName.parse(f"{secrets.token_hex(6)}.example.com")
        target = await self.open().target(domain, create=True)
        assert target is not None
        self.hidden = [KEY, self.store.kept[self.server.url, domain].password]
        return target.relative_to(self.zone.name)

    async def values(self, zone: Zone, name: str) -> list[str]:
        return self.api.accounts[name].values

    async def refused_record(self) -> TxtRecord:
        return txt(await self.new_name(), "too short")

    def failures(self) -> Iterable[Failure]:
        echo = {"error": f"bad Basic {KEY}"}
        for kind, reply, words in [
            (ProviderCredentialsError, Reply(401, {"error": "forbidden"}), "forbidden"),
            (ProviderCredentialsError, Reply(401, echo), "bad Basic ***"),
            (ProviderPermissionError, Reply(403, {"error": "expired"}), "expired"),
            (ProviderError, Reply(404, b"404 page not found\n"), "404 page not found"),
            (ProviderError, Reply(400, {"error": "malformed"}), "malformed"),
            (ProviderError, Reply(405, b""), "nothing"),
            (ProviderError, WEB_PAGE, "a web page"),
            (ProviderError, Reply(201, {"username": KEY}), "password"),
            (ProviderError, Reply(201, [KEY] * 1000), "an unexpected form"),
            (ProviderError, Reply(201, f"{{'password': '{KEY}'".encode()), "not JSON"),
            (ProviderError, Reply(201, b'{"x":' + b"[" * 100_000), "not JSON"),
            (ProviderError, Reply(302, b"", {"Location": "https://elsewhere"}), "elsewhere"),
            (ProviderQuotaError, Reply(429, b"slow", {"Retry-After": "3600"}), "3600 seconds"),
            (ProviderUnavailableError, Reply(500, {"error": "db_error"}), "db_error"),
            (ProviderUnavailableError, Reply(502, WEB_PAGE.body), "502"),
        ]:
            yield self._failure(kind, self._register, reply, words)
        for kind, reply, words in [
            (ProviderCredentialsError, Reply(401, {"error": "forbidden"}), "forbidden"),
            (ProviderZoneError, Reply(400, {"error": "bad_subdomain"}), "bad_subdomain"),
            (ProviderError, Reply(400, {"error": "bad_txt"}), "43"),
            (ProviderError, Reply(418, b"\x1b[1mI'm a teapot\x1b[0m"), "I'm a teapot"),
            (ProviderError, WEB_PAGE, "a web page"),
            (ProviderError, Reply(200, {"txt": "another"}), "a value other than"),
            (ProviderQuotaError, Reply(429, b"", {"Retry-After": "1"}), "try again in 1 "),
            (ProviderUnavailableError, Reply(503, b"restarting"), "restarting"),
        ]:
            yield self._failure(kind, self._add, reply, words)
        for kind, reply, words in [
            (ProviderCredentialsError, Reply(401, {"error": "forbidden"}), "forbidden"),
            (ProviderUnavailableError, Reply(500, {"error": "db_error"}), "db_error"),
        ]:
            yield self._failure(kind, self._remove, reply, words)

    def _failure(
        self,
        kind: type[ProviderError],
        attempt: Callable[[Reply], Awaitable[None]],
        reply: Reply,
        words: str,
    ) -> Failure:
        return Failure(kind, lambda: attempt(reply), ("acme-dns", self.server.url, words))

    async def _register(self, fault: Reply) -> None:
        with self.server.failing(fault):
            await self.open().target(DOMAIN, create=True)

    async def _add(self, fault: Reply) -> None:
        name = await self.new_name()
        with self.server.failing(fault):
            await self.open().add(self.zone, [txt(name, challenge_value())])

    async def _remove(self, fault: Reply) -> None:
        name = await self.new_name()
        with self.server.failing(fault):
            await self.open().remove(self.zone, [txt(name, challenge_value())])

    async def against_silence(self) -> None:
        with self.server.failing(None):
            await self.open(deadline=0.2).target(DOMAIN, create=True)

    def second(self) -> AcmeDnsHarness:
        return AcmeDnsHarness(self.api, self.server)


async def harness_with(*, forgets: bool) -> AsyncIterator[AcmeDnsHarness]:
    api = FakeAcmeDns(login=("me", KEY), forgets=forgets)
    async with fake_http_server(api) as server, closing(AcmeDnsHarness(api, server)) as made:
        yield made


@pytest.fixture
async def harness() -> AsyncIterator[AcmeDnsHarness]:
    async for made in harness_with(forgets=False):
        yield made
