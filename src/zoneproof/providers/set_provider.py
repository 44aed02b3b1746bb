"""Providers whose API replaces all values at a name, or all records of a zone, at once.

Reading, merging and writing happen under locks, and afterwards it is checked that what was written
is there: other programs may do the same at the same time. A read that shows what was there before
the write is late: nothing is written again because of it, and nothing is lost in the next write.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import ProviderConflictError
from zoneproof.providers.api_provider import ApiProvider
from zoneproof.providers.batches import in_parts
from zoneproof.providers.contract import ProviderContext, TxtRecord, Zone
from zoneproof.providers.lists import RecordList, StoredTxt, filled_path
from zoneproof.providers.recent_writes import RecentWrites
from zoneproof.providers.refusals import Refusal
from zoneproof.providers.txt_text import quote_txt, unquote_txt

R = TypeVar("R")

_MEANWHILE = Refusal.conflict("the set has changed in the meantime")


@dataclass(frozen=True)
class TxtSet:
    """The TXT values at a name, their TTL in seconds, and the service's mark of this state if any.

    Nothing is there if there are no ``values``. The mark is also empty for what was just written
    and cannot be read yet.
    """

    values: tuple[str, ...] = ()
    ttl: int = 0
    version: str = ""

    @classmethod
    def of_quoted(cls, texts: Iterable[str], ttl: int, version: str = "") -> TxtSet:
        """Return the set of values that come in quotes."""
        return cls(tuple(map(unquote_txt, texts)), ttl, version)

    @property
    def quoted(self) -> list[str]:
        """The values in quotes."""
        return [quote_txt(value) for value in self.values]

    def with_values(self, records: Iterable[TxtRecord]) -> TxtSet:
        """Return the set with these values too. What is there keeps its TTL."""
        new = list(records)
        values = tuple(dict.fromkeys([*self.values, *(one.value for one in new)]))
        return TxtSet(values, self.ttl if self.values else max(one.ttl for one in new))

    def without_values(self, records: Iterable[TxtRecord]) -> TxtSet:
        """Return the set without these values."""
        gone = {one.value for one in records}
        return TxtSet(tuple(value for value in self.values if value not in gone), self.ttl)


@dataclass(frozen=True)
class SetChange:
    """A set to replace. ``new`` without values is a set to delete; ``old`` may have had none."""

    name: str  # relative to the zone
    old: TxtSet
    new: TxtSet

    @property
    def added(self) -> list[str]:
        """The values that are new."""
        return [value for value in self.new.values if value not in self.old.values]

    @property
    def removed(self) -> list[str]:
        """The values that are to go."""
        return [value for value in self.old.values if value not in self.new.values]


def sets_of(records: Iterable[StoredTxt]) -> dict[str, TxtSet]:
    """Return the sets that single records are."""
    sets: dict[str, TxtSet] = {}
    for one in records:
        sets[one.name] = TxtSet((*sets.get(one.name, TxtSet()).values, one.value), one.ttl)
    return sets


class SetsProvider(ApiProvider):
    """A provider whose API replaces the set of TXT values at a name.

    It has :meth:`read_set` and :meth:`write_set`; or, with ``batches``, :meth:`read_sets` and
    :meth:`write_sets`, which do up to ``most`` values of a batch at once. With ``record_list``,
    sets are read as single records; of the name it may have ``{name}`` only, which is empty, and
    so left out of the query, for several names. Where each set has a URL, ``set_path`` and
    :meth:`set_of` are enough to write it: it is made and replaced with the methods ``makes`` and
    ``replaces``, or else deleted; ``there`` and ``gone`` are the statuses or codes with which the
    API refuses to make one that exists by now, and to replace one that is gone. ``checks`` is false
    where a write fails if the set is no longer as it was read (ProviderConflictError). ``marked``
    says that a write needs what is there besides the values (:attr:`TxtSet.version`), so that late
    reads have to be waited for.
    """

    record_list: ClassVar[RecordList | None] = None
    set_path: ClassVar[str] = ""  # with braces as in lists (JsonList)
    makes: ClassVar[str] = "PUT"
    replaces: ClassVar[str] = "PUT"
    there: ClassVar[tuple[int | str, ...]] = ()
    gone: ClassVar[tuple[int | str, ...]] = ()
    batches: ClassVar[bool] = False
    most: ClassVar[int] = 500
    checks: ClassVar[bool] = True
    marked: ClassVar[bool] = False

    def __init__(self, context: ProviderContext, **client: Any) -> None:
        super().__init__(context, **client)
        self._recent = RecentWrites[TxtSet]()

    async def read_set(self, zone: Zone, name: str) -> TxtSet | None:
        """Return the set at a name relative to the zone; None or an empty one if there is none."""
        raise NotImplementedError

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Replace, make or delete the set, once."""
        path = self.path_of_set(zone, change.name)
        if change.new.values:
            old, body = change.old.values, self.set_of(zone, change)
            method, lost = (self.replaces, self.gone) if old else (self.makes, self.there)
            await self.api.send(method, path, json=body, also=dict.fromkeys(lost, _MEANWHILE))
        else:
            await self.api.delete(path)

    def path_of_set(self, zone: Zone, name: str) -> str:
        """Return ``set_path`` for a name."""
        return filled_path(self.set_path, self.fields, zone, name)

    def set_of(self, zone: Zone, change: SetChange) -> object:
        """Return the new set in the JSON that is sent."""
        raise NotImplementedError

    async def read_sets(self, zone: Zone, names: Sequence[str]) -> Mapping[str, TxtSet]:
        """Return the sets at the names, as far as there are any."""
        if self.record_list:
            name = names[0] if len(names) == 1 else ""
            places = await self.places()
            return sets_of(await self.record_list.records(self.api, places, zone, name))
        sets = await all_at_once(self.read_set(zone, name) for name in names)
        return {name: one for name, one in zip(names, sets, strict=True) if one}

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Replace, make or delete all these sets, once."""
        await all_at_once(self.write_set(zone, change) for change in changes)

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await self._in_groups(zone, records, adding=True)

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await self._in_groups(zone, records, adding=False)

    async def _in_groups(self, zone: Zone, records: Sequence[TxtRecord], *, adding: bool) -> None:
        groups: list[list[TxtRecord]] = []
        for own in _by_name(records).values():
            if self.batches and groups and len(groups[-1]) + len(own) <= self.most:
                groups[-1] += own
            else:
                groups.append(list(own))
        await in_parts((group, self._merge(zone, group, adding=adding)) for group in groups)

    async def _merge(self, zone: Zone, records: Sequence[TxtRecord], *, adding: bool) -> None:
        by_name = _by_name(records)

        async def look() -> Coroutine[Any, Any, None] | None:
            sets = await self.read_sets(zone, list(by_name))
            changes, late = [], False
            for name, own in by_name.items():
                read = sets.get(name, TxtSet())
                old = self._recent.correct((zone.name, name), set(read.values), read)
                if set(old.values) == set(read.values):
                    old = read
                new = old.with_values(own) if adding else old.without_values(own)
                if set(new.values) != set(old.values):  # a value may be there twice
                    changes.append(SetChange(name, old, new))
                    late |= self.marked and old is not read and bool(old.values)
            if late:
                return _wait()
            return self._write(zone, changes) if changes else None

        async with self._hold(zone, by_name):
            await self._converge(zone, look, sure=not self.checks)

    async def _write(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        await self.write_sets(zone, changes)
        for one in changes:
            self._recent.wrote((zone.name, one.name), set(one.old.values), one.new)


def _by_name(records: Iterable[TxtRecord]) -> dict[str, list[TxtRecord]]:
    groups: dict[str, list[TxtRecord]] = {}
    for record in records:
        groups.setdefault(record.name, []).append(record)
    return groups


async def _wait() -> None:
    raise ProviderConflictError("what was just written cannot be read yet")


@dataclass(frozen=True)
class WholeZone(Generic[R]):
    """All records of a zone, of all types, and what else must be written back with them."""

    records: Sequence[R]
    extra: str = ""


class WholeZoneProvider(ApiProvider, Generic[R]):
    """A provider whose API replaces all records of a zone; ``R`` is a record as the API has it."""

    def __init__(self, context: ProviderContext, **client: Any) -> None:
        super().__init__(context, **client)
        self._recent = RecentWrites[Sequence[R]]()

    @abstractmethod
    async def read_zone(self, zone: Zone) -> WholeZone[R]:
        """Return everything that is in the zone."""

    @abstractmethod
    async def write_zone(self, zone: Zone, whole: WholeZone[R]) -> None:
        """Replace everything that is in the zone, once."""

    @abstractmethod
    def txt_of(self, zone: Zone, record: R) -> tuple[str, str] | None:
        """Return name, relative to the zone, and value of a TXT record, None for other types."""

    @abstractmethod
    def record_of(self, zone: Zone, record: TxtRecord) -> R:
        """Return the record as the API has it."""

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        def added(there: Sequence[R]) -> list[R]:
            known = {self.txt_of(zone, one) for one in there}
            missing = [one for one in records if (one.name, one.value) not in known]
            return [*there, *(self.record_of(zone, one) for one in missing)]

        await self._rewrite(zone, added)

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        gone = {(record.name, record.value) for record in records}
        await self._rewrite(
            zone, lambda there: [one for one in there if self.txt_of(zone, one) not in gone]
        )

    async def _rewrite(self, zone: Zone, change: Callable[[Sequence[R]], list[R]]) -> None:
        async def look() -> Coroutine[Any, Any, None] | None:
            whole = await self.read_zone(zone)
            there = self._recent.correct(zone.name, whole.records, whole.records)
            records = change(there)
            if len(records) == len(there):
                return None
            return self._write(zone, there, WholeZone(records, whole.extra))

        async with self._locks(zone.name):
            await self._converge(zone, look, sure=False)

    async def _write(self, zone: Zone, there: Sequence[R], whole: WholeZone[R]) -> None:
        await self.write_zone(zone, whole)
        self._recent.wrote(zone.name, there, whole.records)
