"""What providers with an HTTP API have in common, and those that change single records.

A provider says how one request is made; everything that must not go wrong is here: locks, looking
before adding, reading again after a lost answer, limits, TTLs, and what became of each record.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Collection,
    Coroutine,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import replace
from string import Formatter
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import (
    AlreadyDoneError,
    InvalidInputError,
    InvalidNameError,
    ProviderConflictError,
    ProviderCredentialsError,
    ProviderError,
    ProviderPermissionError,
    ProviderUnavailableError,
    ProviderZoneError,
)
from zoneproof.core.http import MAX_BODY
from zoneproof.core.names import DomainName
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.batches import in_parts
from zoneproof.providers.contract import ProviderContext, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import ZONE_ID
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.recent_writes import RecentWrites
from zoneproof.providers.refusals import USUAL, ErrorBody, Refusals
from zoneproof.providers.server_url import ServerUrl, mask_url

Login = tuple[str, str]  # the names of the fields of user and password

ROUNDS = 4  # of reading and writing, until what is there is what was wanted
_PAUSE = 0.5  # seconds between rounds


class ApiProvider(ABC):
    """A provider with one :class:`ApiClient`; keyword arguments are those of the client.

    ``refusals`` are added to the usual ones, and overrule them. Where the API is says ``base_url``,
    or the field ``api_url`` or :func:`server_field`, to which ``root`` is added; a field
    :data:`CA_BUNDLE` counts too. Every request has ``headers``, which are lines with the values of
    fields in braces, such as ``Authorization: Bearer {token}``, and likewise ``query``, such as
    ``team={team}&format=json``, without what is empty. Of several ``headers`` those are taken whose
    fields are set, and one must be. ``login`` names the two fields of a Basic authorization, if
    they are set. ``keys_of_zones`` is for an API that knows zones by name and has keys for single
    ones that may not list them: a list that is not allowed is none, and zones are found in the DNS.
    """

    info: ClassVar[ProviderInfo]
    refusals: ClassVar[Refusals] = {}
    errors: ClassVar[ErrorBody] = ErrorBody()
    root: ClassVar[str] = ""  # the API's path on a server that people run themselves
    headers: ClassVar[str | tuple[str, ...]] = ""
    query: ClassVar[str] = ""
    login: ClassVar[Login | None] = None
    zone_list: ClassVar[ZoneList | None] = None  # None for an API that cannot list
    keys_of_zones: ClassVar[bool] = False
    at_once: ClassVar[int] = 10  # requests that run at the same time
    pause: ClassVar[float] = 0.0  # seconds between the beginnings of two requests
    max_body: ClassVar[int] = MAX_BODY  # bytes of an answer

    def __init__(self, context: ProviderContext, **client: Any) -> None:
        self.fields = context.fields
        self.sleep, self.now = context.sleep, context.now
        url = self.fields.get("api_url", "") or self.info.api_url
        if self.fields.get("server"):
            url = ServerUrl.parse(self.fields["server"]).base
        self._own_url = bool(url) and url.rstrip("/") != self.info.api_url.rstrip("/")
        self._title = self.info.title + (f" at {mask_url(url)}" if self._own_url else "")
        user, password = self.login or ("", "")
        login = (self.fields.get(user, ""), self.fields.get(password, ""))
        secrets = [self.fields.get(field.name, "") for field in self.info.fields if field.secret]
        options: dict[str, Any] = {
            "own_url": self._own_url,
            "errors": self.errors,
            "advice": _advice(self.info),
            "ca_bundle": self.fields.get("ca_bundle"),
            "headers": _filled(self._headers().splitlines(), ": ", self.fields),
            "query": _filled(self.query.split("&"), "=", self.fields),
            "auth": login if all(login) else None,
            "sign": self.sign,
            "at_once": self.at_once,
            "pause": self.pause,
            "max_body": self.max_body,
            **client,
        }
        self.api = ApiClient(
            context,
            options.pop("base_url", url + self.root),
            refusals={**USUAL, **self.refusals},
            secrets=[*secrets, *options.pop("secrets", ())],
            **options,
        )
        self._locks = KeyedLocks()

    def _headers(self) -> str:
        if isinstance(self.headers, str):
            return self.headers
        told = ""
        for headers in self.headers:
            needed = [name for _, name, _, _ in Formatter().parse(headers) if name]
            if all(self.fields[name] for name in needed):
                return headers
            both = ", or both " if len(needed) > 1 else " or "
            told += (both if told else " ") + " and ".join(f"'{name}'" for name in needed)
        raise InvalidInputError(f"provider {self.info.slug} needs the field{told}")

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Return the request as it is sent: signed, where the API wants that."""
        return request

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return name and id of each zone that the credential can manage: all of ``zone_list``.

        The id is empty for zones that the API knows by name. Zones of one name that resolvers do
        not see, private ones, are left out. An API that cannot list returns none.
        """
        if self.zone_list is None:
            return []
        return await self.zone_list.zones(self.api, await self.places())

    async def places(self) -> Mapping[str, str]:
        """Return what declared lists may have in braces: the fields, unless there is more."""
        return self.fields

    @abstractmethod
    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Add records that are within the limits, none twice."""

    @abstractmethod
    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Remove records, none twice."""

    async def zones(self) -> list[Zone]:
        """Return the zones; empty if one is set by its id. Names that are none are left out."""
        if self.fields.get("zone_id"):
            return []
        with self._about(None, unchanged=True):
            try:
                listed = await self.list_zones()
            except ProviderPermissionError:
                if not self.keys_of_zones:
                    raise
                return []
        zones = []
        for name, key in listed:
            try:
                zones.append(Zone(DomainName.parse(name), key))
            except InvalidNameError:
                continue
        return zones

    async def add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Add the values; those that are there stay as they are."""
        if records:
            limits = self.info.limits
            for record in records:
                limits.check_name(record.name)
                limits.check(record.value)
            raised = (replace(one, ttl=max(one.ttl, limits.min_ttl)) for one in records)
            await self._add(await self._with_id(zone), list(dict.fromkeys(raised)))

    async def remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        """Remove the values, as far as they are there."""
        if records:
            await self._remove(await self._with_id(zone), list(dict.fromkeys(records)))

    async def close(self) -> None:
        """Close the connections."""
        await self.api.close()

    async def _with_id(self, zone: Zone) -> Zone:
        """Return the zone with its id, where the API needs one and the caller has none."""
        if ZONE_ID not in self.info.fields or zone.id:
            return zone
        if self.fields["zone_id"]:
            return msgspec.structs.replace(zone, id=self.fields["zone_id"])
        known = [one for one in await self.zones() if one.name == zone.name]
        if len(known) == 1:
            return known[0]
        number = (
            f"{len(known)} zones of that name: set zone_id" if known else "no zone of that name"
        )
        raise ProviderZoneError(f"{self._title}, zone {zone.name}: these credentials have {number}")

    @contextmanager
    def _about(self, zone: Zone | None, *, unchanged: bool | None = None) -> Iterator[None]:
        """Say of errors where they happened; ``unchanged``: whether surely nothing was written."""
        try:
            yield
        except ProviderError as error:
            place = f", zone {zone.name}" if zone else ""
            error.message = f"{self._title}{place}: {error.message}"
            error.args = (error.message,)
            if unchanged is not None:
                error.changed_nothing = unchanged
            raise

    @asynccontextmanager
    async def _hold(self, zone: Zone, names: Collection[str]) -> AsyncIterator[None]:
        """Hold the locks of names of the zone, always in the same order."""
        async with AsyncExitStack() as stack:
            for name in sorted(set(names)):
                await stack.enter_async_context(self._locks((zone.name, name)))
            yield

    async def _converge(
        self,
        zone: Zone,
        look: Callable[[], Awaitable[Coroutine[Any, Any, None] | None]],
        *,
        sure: bool,
    ) -> None:
        """Look and write until there is nothing left to write.

        ``look`` returns the write that is still needed, if any. A write may be lost on its way, be
        overwritten by another program, or meet what has changed since. ``sure`` says that after a
        success there is no need to look again.
        """
        failure = ProviderError("another program keeps overwriting what is written")
        written = False  # or perhaps
        for attempt in range(ROUNDS):
            with self._about(zone, unchanged=not written):
                write = await look()
            if write is None:
                return
            try:
                await write
            except (AlreadyDoneError, ProviderConflictError) as error:
                failure = error
            except ProviderError as error:
                failure = error
                if error.changed_nothing or not isinstance(error, ProviderUnavailableError):
                    break
                written = True
            else:
                written = True
                if sure:
                    return
                if not attempt:
                    continue
            await self.sleep(_PAUSE * 2.0**attempt)
        with self._about(zone):
            failure.changed_nothing = failure.changed_nothing and not written
            raise failure


def _filled(parts: Iterable[str], between: str, fields: Mapping[str, str]) -> dict[str, str]:
    """Return names and values of what is declared, the values with fields, without empty ones."""
    pairs = (part.partition(between) for part in parts)
    return {name: value for name, _, text in pairs if (value := text.format_map(fields))}


def _advice(info: ProviderInfo) -> dict[type[ProviderError], str]:
    advice: dict[type[ProviderError], str] = {}
    if info.key_url:
        advice[ProviderCredentialsError] = f"keys are made at {info.key_url}"
    if info.least_privilege:
        shown = f"`zoneproof provider show {info.slug}` says what the key needs"
        advice[ProviderPermissionError] = shown
    return advice


class RecordsProvider(ApiProvider):
    """A provider whose API adds and deletes records one by one.

    With ``record_list`` a record is added there by the method ``adds``, and deleted below it by its
    id; where an API is otherwise, its provider has these requests as methods of its own.
    ``by_name`` is false where the API cannot look for a name: then the records of a zone are
    listed once for a batch.
    """

    record_list: ClassVar[RecordList]
    by_name: ClassVar[bool] = True
    adds: ClassVar[str] = "POST"

    def __init__(self, context: ProviderContext, **client: Any) -> None:
        super().__init__(context, **client)
        self._recent = RecentWrites[bool]()  # whether a record is there

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the zone's TXT records, all pages: at least those at ``name``.

        ``name`` is relative to the zone, empty for the zone itself, and means nothing where
        ``by_name`` is false.
        """
        return await self.record_list.records(self.api, await self.places(), zone, name)

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add one record."""
        places = await self.places()
        path = self.record_list.changes_in(places, zone, record.name)
        await self.api.send(self.adds, path, json=self.record_list.new_record(places, zone, record))

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record."""
        places = await self.places()
        path = self.record_list.changes_in(places, zone, stored.name).rstrip("/")
        await self.api.delete(f"{path}/{quote(stored.id, safe='')}")

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await self._in_groups(zone, records, self._add_to_listed)

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await self._in_groups(zone, records, self._remove_from_listed)

    async def _in_groups(
        self,
        zone: Zone,
        records: Sequence[TxtRecord],
        change: Callable[[Zone, Sequence[TxtRecord]], Coroutine[Any, Any, None]],
    ) -> None:
        groups: dict[str, list[TxtRecord]] = {}
        for record in records:
            groups.setdefault(record.name if self.by_name else "", []).append(record)
        await in_parts((group, change(zone, group)) for group in groups.values())

    async def _listed(self, zone: Zone, group: Sequence[TxtRecord]) -> Sequence[StoredTxt]:
        return await self.list_records(zone, group[0].name)

    def _is_there(self, zone: Zone, record: TxtRecord, stored: Sequence[StoredTxt]) -> bool:
        """Tell whether a record is there, listed or just created."""
        listed = any(_is_same(one, record) for one in stored)
        return self._recent.correct((zone.name, record.name, record.value), listed, listed)

    async def _add_to_listed(self, zone: Zone, group: Sequence[TxtRecord]) -> None:
        async with self._hold(zone, [record.name for record in group]):
            with self._about(zone, unchanged=True):
                stored = await self._listed(zone, group)
            await in_parts(
                ([one], self._create(zone, one, there=self._is_there(zone, one, stored)))
                for one in group
            )

    async def _create(self, zone: Zone, record: TxtRecord, *, there: bool) -> None:
        listing: Sequence[StoredTxt] | None = ()  # None where it has to be read again

        async def look() -> Coroutine[Any, Any, None] | None:
            nonlocal listing
            stored = await self._listed(zone, [record]) if listing is None else listing
            listing = None
            if there or any(_is_same(one, record) for one in stored):
                return None
            return self.create_record(zone, record)

        await self._converge(zone, look, sure=True)
        if not there:
            self._recent.wrote((zone.name, record.name, record.value), mark=False, state=True)

    async def _remove_from_listed(self, zone: Zone, group: Sequence[TxtRecord]) -> None:
        async with self._hold(zone, [record.name for record in group]):
            with self._about(zone, unchanged=True):
                stored = await self._listed(zone, group)
                for attempt in range(ROUNDS - 1):
                    if all(
                        any(_is_same(s, one) for s in stored)
                        for one in group
                        if self._is_there(zone, one, stored)
                    ):
                        break
                    # A list lags behind what was just created: without its id it would stay.
                    await self.sleep(_PAUSE * 2.0**attempt)
                    stored = await self._listed(zone, group)
            await in_parts(
                ([one], self._delete(zone, [s for s in stored if _is_same(s, one)]))
                for one in group
            )

    async def _delete(self, zone: Zone, stored: Sequence[StoredTxt]) -> None:
        left = list(stored)

        async def look() -> Coroutine[Any, Any, None] | None:
            return self._delete_all(zone, left) if left else None

        await self._converge(zone, look, sure=True)

    async def _delete_all(self, zone: Zone, left: list[StoredTxt]) -> None:
        while left:
            try:
                await self.delete_record(zone, left[0])
            except AlreadyDoneError:
                pass
            except ProviderUnavailableError:
                raise
            except ProviderError:  # perhaps because it is gone: not every API has a code for that
                if any(one.id == left[0].id for one in await self.list_records(zone, left[0].name)):
                    raise
            left.pop(0)


def _is_same(stored: StoredTxt, record: TxtRecord) -> bool:
    return (stored.name, stored.value) == (record.name, record.value)
