"""Puts TXT values into the DNS and takes them out again, journaled before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from zoneproof.errors import ZoneproofError
from zoneproof.issuance.concurrent import all_at_once
from zoneproof.issuance.events import Emit, RecordPublished, RecordRemoved, Warned
from zoneproof.issuance.journal import Journal, Publication
from zoneproof.providers import Provider

ProviderFor = Callable[[Publication], Provider]


async def publish_values(
    journal: Journal, publications: Sequence[Publication], provider_for: ProviderFor, emit: Emit
) -> None:
    """Journal the values, then add them all at once. Raises ProviderError for the first failure."""
    await journal.will_publish(publications)

    async def add(item: Publication) -> None:
        await provider_for(item).add_txt(item.zone, item.name, item.value, item.ttl)
        emit(RecordPublished(item.provider, str(item.full_name), item.value))

    await all_at_once(add(item) for item in publications)


async def remove_values(
    journal: Journal, publications: Sequence[Publication], provider_for: ProviderFor, emit: Emit
) -> None:
    """Remove the values and forget them. What cannot be removed is told and stays journaled."""

    async def remove(item: Publication) -> None:
        try:
            await provider_for(item).remove_txt(item.zone, item.name, item.value)
        except ZoneproofError as error:
            emit(
                Warned(
                    f"the TXT value {item.value} at {item.full_name} is still there: {error};"
                    " the next run tries again"
                )
            )
            return
        await journal.removed(item)
        emit(RecordRemoved(item.provider, str(item.full_name), item.value))

    await all_at_once(remove(item) for item in publications)


async def remove_leftovers(
    journal: Journal, certificate: str, provider_for: ProviderFor, emit: Emit
) -> None:
    """Remove every journaled value of the certificate's orders, of this run or an earlier one.

    The orders themselves stay as they are: one that is resumed publishes again what it needs.
    """
    for order_id in await journal.orders_with_publications(certificate):
        await remove_values(journal, await journal.publications(order_id), provider_for, emit)
