"""Where an API lists zones and TXT records, said in a line: paths, pages and what texts are called.

What else is known of records as a service has them is here, too: their ids and names.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from string import Formatter
from typing import Any, TypeVar
from urllib.parse import quote

from zoneproof.core.errors import InvalidNameError
from zoneproof.core.names import DomainName
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.contract import TxtRecord, Zone
from zoneproof.providers.paging import Paging, Query
from zoneproof.providers.refusals import Refusals, place_in
from zoneproof.providers.txt_text import quote_txt, unquote_txt

T = TypeVar("T")

Fields = Mapping[str, str]  # of the credential


def relative_name(name: str, zone: Zone) -> str:
    """Return what an API calls a name relative to the zone, empty for the zone itself.

    It may be the whole name, with or without its last dot, in Unicode or A-labels, or ``@``.
    """
    name = name.lower().rstrip(".")
    if not name.isascii():
        with suppress(InvalidNameError):
            name = DomainName.parse(name).text
    if name in ("@", "", zone.name.text):
        return ""
    return name.removesuffix(f".{zone.name.text}")


@dataclass(frozen=True)
class StoredTxt:
    """A TXT record as the service has it: its id, the name relative to the zone, the value."""

    id: str
    name: str
    value: str
    ttl: int = 0  # seconds, where it matters

    @property
    def number(self) -> int | str:
        """The id for JSON in which it is a number; as it is if it is none."""
        return int(self.id) if self.id.isdecimal() else self.id


class _PathFormatter(Formatter):
    def format_field(self, value: object, format_spec: str) -> str:
        return quote(str(value), safe=":@*")


def filled_path(path: str, fields: Fields, zone: Zone | None = None, name: str = "") -> str:
    """Return a path with what it has in braces, as :class:`JsonList` says, quoted for a URL."""
    return _PathFormatter().vformat(path, (), _place(fields, zone, name))


def _place(
    fields: Fields, zone: Zone | None = None, name: str = "", apex: str = "@"
) -> dict[str, object]:
    whole = zone.record(name) if zone else ""
    return {**fields, "zone": zone, "name": name, "host": name or apex, "whole": whole}


def _filled(value: Any, place: Mapping[str, object]) -> Any:
    """Return JSON whose texts have what they have in braces; a TTL alone is a number."""
    if isinstance(value, Mapping):
        return {key: _filled(one, place) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(one, place) for one in value]
    if value == "{ttl}":
        return place["ttl"]
    return value.format_map(place) if isinstance(value, str) else value


@dataclass(frozen=True, kw_only=True)
class JsonList:
    """A list that is got from ``path``, all pages of it; ``at`` is where a page has it.

    Texts in ``path``, ``query``, ``form``, ``json`` and ``only`` may have in braces the provider's
    fields, ``{zone.name}`` and ``{zone.id}``, and of a name that is looked for ``{name}`` (relative
    to the zone), ``{host}`` (that, or ``apex`` for the zone itself) and ``{whole}``. Of the query,
    what becomes empty is left out. ``form`` or ``json`` is the body of a POST that asks for the
    list; ``also`` are refusals of this request.

    ``name``, ``id`` and others are places in an item, such as ``properties.name``; of several with
    ``|`` between them, the first that is not empty counts. ``optional`` are those that it lacks, or
    has null for, where a text is empty; ``absent_if_empty`` says that a page lacks the whole list
    then. What else is missing is an error: it is not known to be empty. ``only`` is what items have
    that are meant, and ``without`` what they have not.
    """

    path: str = field(kw_only=False)
    at: str = ""
    name: str = "name"
    id: str = ""
    query: Query = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Query | None = None
    json: Mapping[str, object] | None = None
    paging: Paging | None = None
    optional: tuple[str, ...] = ()
    absent_if_empty: bool = False
    only: Mapping[str, object] = field(default_factory=dict)
    without: Mapping[str, object] = field(default_factory=dict)
    apex: str = "@"
    also: Refusals = field(default_factory=dict)

    async def _rows(
        self,
        api: ApiClient,
        read: Callable[[object], T],
        fields: Fields,
        zone: Zone | None = None,
        name: str = "",
    ) -> list[T]:
        """Return what is read from each item that is meant."""
        place = _place(fields, zone, name, self.apex)
        only, query = _filled(self.only, place), _filled(self.query, place)

        def is_meant(item: object) -> bool:
            return all(self._get(item, key) == value for key, value in only.items()) and all(
                place_in(item, key) != value for key, value in self.without.items()
            )

        return await api.rows(
            filled_path(self.path, fields, zone, name),
            lambda page: [read(one) for one in page if is_meant(one)],
            at=self.at,
            query={key: text for key, text in query.items() if text != "" or not self.query[key]},
            headers=self.headers,
            form=_filled(self.form, place),
            json=_filled(self.json, place),
            paging=self.paging,
            absent_if_empty=self.absent_if_empty,
            also=self.also,
        )

    def _text(self, item: object, place: str) -> str:
        """Return the text at a place in an item, or the item itself without one."""
        found = self._get(item, place) if place else item
        if isinstance(found, bool) or not isinstance(found, (str, int)):
            raise TypeError(
                f"`{place}` of an item is not a text" if place else "an item is no text"
            )
        return str(found)

    def _get(self, item: object, place: str) -> object:
        every = [place_in(item, one) for one in place.split("|")]
        found = next((one for one in every if one not in (None, "")), every[-1])
        if found is None and place not in self.optional:
            raise TypeError(f"an item has no `{place}`")
        return "" if found is None else found


@dataclass(frozen=True, kw_only=True)
class ZoneList(JsonList):
    """The zones of a credential; without ``id`` the API knows them by name.

    ``name`` is empty for a list of names.
    """

    async def zones(self, api: ApiClient, fields: Fields) -> list[tuple[str, str]]:
        """Return names and ids. Raises what :meth:`ApiClient.items` raises."""

        def read(item: object) -> tuple[str, str]:
            return self._text(item, self.name), self._text(item, self.id) if self.id else ""

        # A zone stands once for each of its records where only those can be listed.
        return list(dict.fromkeys(await self._rows(api, read, fields)))


@dataclass(frozen=True, kw_only=True)
class RecordList(JsonList):
    """The records of a zone, or those at a name; without ``id`` they are known by name and value.

    ``quoted`` are values in quotes (:mod:`zoneproof.providers.txt_text`). ``changes`` is where
    records are posted, and below it deleted, if that is not where they are listed. What is posted
    has the words of what is listed: ``type``, ``ttl``, the value, and the name, which is ``owner``.
    ``new`` is another JSON to post; its texts may have in braces ``{value}``, ``{quoted}`` and,
    alone, ``{ttl}``, a number, too.
    """

    id: str = "id"
    value: str = "content"
    ttl: str = ""
    only: Mapping[str, object] = field(default_factory=lambda: {"type": "TXT"})
    quoted: bool = False
    changes: str = ""
    owner: str = "{host}"
    new: object = None

    async def records(
        self, api: ApiClient, fields: Fields, zone: Zone, name: str
    ) -> list[StoredTxt]:
        """Return the TXT records. Raises what :meth:`ApiClient.items` raises."""

        def read(item: object) -> StoredTxt:
            owner, value = self._text(item, self.name), self._text(item, self.value)
            key = self._text(item, self.id) if self.id else ""
            ttl = self._text(item, self.ttl) if self.ttl else ""
            return StoredTxt(
                key or f"{owner} {value}",
                relative_name(owner, zone),
                unquote_txt(value) if self.quoted else value,
                int(ttl or 0),
            )

        return await self._rows(api, read, fields, zone, name)

    def changes_in(self, fields: Fields, zone: Zone, name: str) -> str:
        """Return the path at which records at a name are posted."""
        return filled_path(self.changes or self.path, fields, zone, name)

    def new_record(self, fields: Fields, zone: Zone, record: TxtRecord) -> object:
        """Return the record in the JSON that is posted."""
        value = "{quoted}" if self.quoted else "{value}"
        usual = {"type": "TXT", self.name: self.owner, self.value: value, "ttl": "{ttl}"}
        values = {"value": record.value, "quoted": quote_txt(record.value), "ttl": record.ttl}
        return _filled(
            self.new or usual, {**_place(fields, zone, record.name, self.apex), **values}
        )
