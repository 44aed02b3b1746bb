"""What the tests with Pebble share: clients, orders, what it knows."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from cryptography import x509

from tests.acme.fake_ca import url_of
from tests.support.peers.pebble import management
from zoneproof.acme import (
    AccountKey,
    AcmeClient,
    CertificateChain,
    CertificateKey,
    Order,
    make_csr,
    make_key,
)
from zoneproof.core.names import Identifier
from zoneproof.testing.pebble import Pebble


class Recorder(httpx2.AsyncBaseTransport):
    """Real connections, and a list of what went over them: method and URL."""

    def __init__(self, pebble: Pebble) -> None:
        context = ssl.create_default_context(cafile=pebble.ca_bundle)
        self.seen: list[tuple[str, str]] = []
        self._inner = httpx2.AsyncHTTPTransport(verify=context)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.seen.append((request.method, str(url_of(request))))
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


async def doze(seconds: float) -> None:
    """Sleep, but not for long: Pebble is done in no time."""
    await asyncio.sleep(min(seconds, 0.02))


@asynccontextmanager
async def registered(
    pebble: Pebble, key: AccountKey | None = None, **options: Any
) -> AsyncIterator[AcmeClient]:
    """A client with a new account."""
    settings = {"ca_bundle": pebble.ca_bundle, "sleep": doze, **options}
    async with AcmeClient(pebble.directory_url, key or AccountKey.generate(), **settings) as client:
        await client.register(agree_to_terms=True)
        yield client


def identifiers(*names: str) -> list[Identifier]:
    return [Identifier.parse(name) for name in names]


async def validated(client: AcmeClient, names: Sequence[Identifier], **options: Any) -> Order:
    """An order whose challenges have all been believed."""
    order = await client.new_order(names, **options)
    authorizations = await client.authorizations(order)
    await client.answer([one.challenges[0] for one in authorizations if one.status == "pending"])
    return await client.wait_for_order(order)


async def obtain(
    client: AcmeClient,
    *names: str,
    key: CertificateKey | None = None,
    preferred_chain: str = "",
    **options: Any,
) -> CertificateChain:
    """A certificate."""
    key = key or make_key()
    wanted = identifiers(*names)
    order = await validated(client, wanted, **options)
    order = await client.finalize(order, make_csr(key, wanted))
    chain = await client.certificate(order, preferred_chain=preferred_chain)
    chain.require_key(key)
    return chain


def roots(pebble: Pebble) -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(management(pebble, f"roots/{i}")) for i in range(3)]


def revocation_of(pebble: Pebble, certificate: x509.Certificate) -> Any:
    return json.loads(management(pebble, f"cert-status-by-serial/{certificate.serial_number:x}"))
