"""An order that nothing disturbs, and one that waits, for tests of what comes after it."""

from __future__ import annotations

from tests.acme.fake_ca import FakeCa
from zoneproof.acme import AcmeClient, CertificateChain, Order, make_csr, make_key
from zoneproof.core.names import Identifier

NAMES = [Identifier.parse(name) for name in ("example.com", "*.example.com", "www.example.org")]


async def obtain(client: AcmeClient, names: list[Identifier] = NAMES) -> CertificateChain:
    order = await client.new_order(names)
    authorizations = await client.authorizations(order)
    await client.answer([one.challenges[0] for one in authorizations])
    order = await client.wait_for_order(order)
    key = make_key()
    order = await client.finalize(order, make_csr(key, names))
    chain = await client.certificate(order)
    chain.require_key(key)
    return chain


async def opened(ca: FakeCa, client: AcmeClient, *statuses: str) -> Order:
    """Create an order that has these states, one after the other."""
    ca.take_account(client)
    order = await client.new_order(NAMES)
    ca.statuses = list(statuses)
    return order
