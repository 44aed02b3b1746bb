"""The provider for zones that only a person can change: orders print the records and pause."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from zoneproof.providers.contract import Alias, ProviderContext, ProviderInfo, TxtRecord, Zone


class Manual:
    """Does nothing by itself; ``info.manual`` tells the caller to print records and wait."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="manual",
        title="Manual",
        homepage="https://www.rfc-editor.org/rfc/rfc8555#section-8.4",
        fields=(),
        manual=True,
        notes="Prints each record to create, and pauses the order until `zoneproof resume`"
        " finds them in the DNS. Renewals pause in the same way, so prefer a provider that works"
        " by itself, or delegate the challenge name once to one that does.",
        aliases=(Alias("certbot", "manual"), Alias("acme.sh", "dns"), Alias("lego", "manual")),
    )

    def __init__(self, context: ProviderContext) -> None:
        del context

    async def zones(self) -> list[Zone]:
        """Return nothing: the zone is found by asking the DNS."""
        return []

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Leave it to the person who was shown the records."""

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Leave it to the person; values of a finished order do no harm."""

    async def close(self) -> None:
        """Release nothing."""
