"""What the tests with Pebble share: clients, orders, what it knows."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpcore2
from cryptography import x509

from tests.support.identifiers import identifiers
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


class Recorder:
    """Opens real connections, and has a list of what went over them: method and URL."""

    def __init__(self, pebble: Pebble) -> None:
        self._context = ssl.create_default_context(cafile=pebble.ca_bundle)
        self.seen: list[tuple[str, str]] = []

    def __call__(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        return _Recording(self.seen, origin, self._context)


class _Recording(httpcore2.AsyncHTTPConnection):
    def __init__(
        self, seen: list[tuple[str, str]], origin: httpcore2.Origin, tls: ssl.SSLContext
    ) -> None:
        super().__init__(origin, tls)
        self._seen = seen

    async def handle_async_request(self, request: httpcore2.Request) -> httpcore2.Response:
        self._seen.append((request.method.decode(), bytes(request.url).decode()))
        return await super().handle_async_request(request)


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
