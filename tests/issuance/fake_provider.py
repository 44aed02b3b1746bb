"""A provider that keeps TXT values in memory, and fails when it is told to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from zoneproof.core.errors import ProviderUnavailableError
from zoneproof.core.names import DomainName
from zoneproof.providers import (
    CredentialField,
    Provider,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)


class MemoryProvider(Provider):
    """Holds (name, value) pairs; ``listed`` are the zones that it says it has."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        "memory", "Memory", "", (CredentialField("token", "a token", secret=True, default=""),)
    )

    def __init__(self, context: ProviderContext, listed: Sequence[str] = ()) -> None:
        self.listed = [Zone(DomainName.parse(name), f"id of {name}") for name in listed]
        self.records: set[tuple[str, str]] = set()
        self.calls: list[str] = []
        self.broken = False

    async def zones(self) -> list[Zone]:
        self.calls.append("zones")
        return self.listed

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        self._check()
        self.records |= {(zone.record(one.name).text, one.value) for one in records}

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        self._check()
        self.records -= {(zone.record(one.name).text, one.value) for one in records}

    async def close(self) -> None:
        self.calls.append("close")

    def _check(self) -> None:
        if self.broken:
            raise ProviderUnavailableError("memory: it is broken; try again")


class DelegatedMemoryProvider(MemoryProvider):
    """One that publishes at names of its own, as acme-dns does."""

    registered: dict[DomainName, DomainName]

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        self.registered = {}

    async def target(self, domain: DomainName, *, create: bool) -> DomainName | None:
        if create:
            self.registered.setdefault(
                domain, DomainName.parse(f"r{len(self.registered)}.auth.example.net")
            )
        return self.registered.get(domain)
