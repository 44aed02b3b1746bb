"""Publishes TXT values for an order's journal, by a provider of the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.issuance.fake_provider import MemoryProvider
from zoneproof.challenges.dns01 import ChallengeRecord, DnsMethod
from zoneproof.challenges.dns01_solver import publish_records
from zoneproof.challenges.events import Event
from zoneproof.challenges.solver import Alone, Others, Scope
from zoneproof.core.names import DomainName, Identifier
from zoneproof.dnsquery import PropagationPolicy, Resolver, ServerAddress
from zoneproof.issuance import Journal, JournaledOrder, ProvidersFor, PublishedRecord
from zoneproof.issuance.publish import OrderLedger
from zoneproof.providers import Provider, ProviderContext, Zone

SECRET = "very-secret-token"
ZONE = Zone(DomainName("example.com"), "42")


def providing(provider: Provider) -> ProvidersFor:
    """Return what finds this provider for every value."""

    async def find(_: PublishedRecord) -> list[Provider]:
        return [provider]

    return find


def records(
    provider: Provider, *values: tuple[str, str], zone: Zone = ZONE, slug: str = "memory"
) -> list[ChallengeRecord]:
    """Return the records, each given as name and value."""
    method = DnsMethod(
        slug, provider, PropagationPolicy(), {"token": SECRET}, credential="my-token"
    )
    return [ChallengeRecord(method, zone, name, value) for name, value in values]


def published(order_id: str, value: str, provider: Provider | None = None) -> PublishedRecord:
    """Return what the journal has to know of a value."""
    provider = provider or MemoryProvider(ProviderContext({}))
    (record,) = records(provider, ("_acme-challenge", value))
    return PublishedRecord.of(record, order_id)


async def publish(
    journal: Journal,
    order_id: str,
    items: Sequence[ChallengeRecord],
    emit: Callable[[Event], None] = print,
    *,
    others: Others | None = None,
    seconds: float = 600.0,
) -> None:
    """Journal and publish the records for that order."""
    nobody = Resolver([ServerAddress("127.0.0.1", 1)])
    scope = Scope(OrderLedger(journal, order_id), nobody, emit, others or Alone())
    await publish_records(items, scope, seconds=seconds)


async def publish_values(
    journal: Journal,
    order_id: str,
    provider: Provider,
    *values: str,
    others: Others | None = None,
) -> None:
    """Publish the values at ``_acme-challenge.example.com`` for that order."""
    items = records(provider, *(("_acme-challenge", value) for value in values))
    await publish(journal, order_id, items, others=others)


async def open_order(journal: Journal, certificate: str = "example.com") -> JournaledOrder:
    return await journal.open_order(
        JournaledOrder(
            certificate=certificate,
            directory_url="https://ca.test/dir",
            account_url="https://ca.test/account/1",
            order_url="https://ca.test/order/1",
            identifiers=(Identifier.parse("*.example.com"), Identifier.parse("example.com")),
            profile="",
        )
    )
