"""Providers whose API sets the only TXT value at a name, and cannot tell which it is."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Coroutine, Sequence
from typing import Any

from zoneproof.core.errors import InvalidInputError
from zoneproof.providers.api_provider import ApiProvider
from zoneproof.providers.batches import in_parts
from zoneproof.providers.contract import ProviderContext, TxtRecord, Zone


class OneValueProvider(ApiProvider):
    """Sets values and clears them; a :class:`LimitedProvider`, so that orders take turns.

    A value that was overwritten in this process is not cleared; which value another program has
    set meanwhile cannot be known.
    """

    def __init__(self, context: ProviderContext, **client: Any) -> None:
        super().__init__(context, **client)
        self._last: dict[str, str] = {}  # values by the places where they were set

    @abstractmethod
    async def set_value(self, zone: Zone, name: str, value: str | None) -> None:
        """Make the value the only one at a name, or remove what is there for None, once."""

    def place(self, zone: Zone, name: str) -> str:
        """Return what has one value: by default the name in full."""
        return zone.record(name).text

    async def max_values(self, zone: Zone, name: str) -> int | None:
        """Return 1 (LimitedProvider)."""
        return 1

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        places: dict[str, str] = {}
        for record in records:
            value = places.setdefault(self.place(zone, record.name), record.value)
            if value != record.value:
                raise InvalidInputError(
                    f"{self._title}: {zone.record(record.name)} has one value at a time, and two"
                    " are needed: make certificates of their own for these domains"
                )
        await in_parts(([one], self._set(zone, one)) for one in records)

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await in_parts(([one], self._clear(zone, one)) for one in records)

    async def _set(self, zone: Zone, record: TxtRecord) -> None:
        place = self.place(zone, record.name)
        async with self._locks(place):
            await self._write(zone, record.name, record.value)
            self._last[place] = record.value

    async def _clear(self, zone: Zone, record: TxtRecord) -> None:
        place = self.place(zone, record.name)
        async with self._locks(place):
            if self._last.get(place, record.value) == record.value:
                await self._write(zone, record.name, None)

    async def _write(self, zone: Zone, name: str, value: str | None) -> None:
        async def look() -> Coroutine[Any, Any, None]:
            return self.set_value(zone, name, value)

        await self._converge(zone, look, sure=True)
