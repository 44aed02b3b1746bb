"""A client of a server in the test's process, with refusals of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.clock import Clock
from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from zoneproof.core.errors import ProviderCredentialsError, ProviderQuotaError
from zoneproof.core.names import DomainName
from zoneproof.providers import ProviderContext, Zone
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.refusals import USUAL, Refusal, Refusals

ZONE = Zone(DomainName.parse("example.com"))
CODES: Refusals = {
    **USUAL,
    "expired": Refusal(ProviderCredentialsError, "the token has expired"),
    "flood": Refusal(ProviderQuotaError, "too fast", again=True),
}


@pytest.fixture
async def server() -> AsyncIterator[FakeHttpServer]:
    async with fake_http_server(lambda request: Reply(200, {"ok": True})) as running:
        yield running


def client(server: FakeHttpServer, clock: Clock | None = None, **options: object) -> ApiClient:
    clock = clock or Clock()
    context = ProviderContext({}, timeout=5, sleep=clock.sleep, clock=clock)
    return ApiClient(context, f"{server.url}/v1/", refusals=CODES, **options)  # type: ignore[arg-type]
