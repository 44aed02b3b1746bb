"""The provider for hosting.de: all changes of a batch in one request, and a zone busy after it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import msgspec

from zoneproof.core.errors import ProviderZoneError
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import StoredTxt, ZoneList, relative_name
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import WRONG_KEY, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet, sets_of
from zoneproof.providers.txt_text import quote_txt, unquote_txt

T = TypeVar("T")


class _Record(msgspec.Struct):
    name: str
    type: str
    content: str
    ttl: int


class _Zone(msgspec.Struct):
    records: list[_Record]


class _ZonePage(msgspec.Struct):
    data: list[_Zone]


class _Zones(msgspec.Struct):
    response: _ZonePage


class _ConfigPage(msgspec.Struct):
    data: list[dict[str, Any]]


class _Configs(msgspec.Struct):
    response: _ConfigPage


class HostingDe(SetsProvider):
    """Adds values to TXT sets and removes values from them.

    A change carries the zone's configuration, which is read just before and sent back as it was.
    """

    info = ProviderInfo(
        slug="hostingde",
        title="hosting.de",
        homepage="https://www.hosting.de/api/",
        fields=(token_field("api_key", "API key"),),
        key_url="https://secure.hosting.de/profile",
        api_url="https://secure.hosting.de/api/dns/v1/json",
        limits=Limits(min_ttl=60),
        notes="After a change the zone takes no other one for some seconds. http.net has the same"
        " API: set `api_url` to `https://partner.http.net/api/dns/v1/json`.",
        least_privilege="A key that may only display and edit the zones of the DNS service, which"
        " are two boxes when it is made.",
        name_servers=("ns?.hosting.de",),
        aliases=(
            Alias("certbot", "dns-hostingde", {"auth_token": "api_key"}),
            Alias("acme.sh", "dns_hostingde", {"HOSTINGDE_APIKEY": "api_key"}),
            Alias("lego", "hostingde", {"HOSTINGDE_API_KEY": "api_key"}),
        ),
    )
    batches = True
    checks = False  # nothing of others is written
    errors = ErrorBody(
        codes=("errors.0.code",),
        messages=("errors.0.text",),
        success=("status", "success", "pending"),
    )
    refusals: ClassVar[Refusals] = {
        "10109": WRONG_KEY,
        "10205": Refusal.conflict("another change is in progress", again=True),
    }
    zone_list = ZoneList(
        "zoneConfigsFind",
        json={"page": 1},
        at="response.data",
        paging=Numbered("limit", 500, pages="response.totalPages"),
        optional=("name",),
    )

    async def read_sets(self, zone: Zone, names: Sequence[str]) -> dict[str, TxtSet]:
        """Return the TXT sets of the zone, which comes with all its records."""
        found = await self._find("zonesFind", _only(zone), _Zones)
        return sets_of(
            StoredTxt("", relative_name(one.name, zone), unquote_txt(one.content), one.ttl)
            for one in _first(found.response.data).records
            if one.type == "TXT"
        )

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Add and remove single values in one request."""
        added: list[dict[str, object]] = []
        removed: list[dict[str, object]] = []
        for change in changes:
            ttl = {"ttl": change.new.ttl}
            added += [_record(zone, change, one) | ttl for one in change.added]
            removed += [_record(zone, change, one) for one in change.removed]
        found = await self._find("zoneConfigsFind", _only(zone), _Configs)
        config = _first(found.response.data)
        body = {"zoneConfig": config, "recordsToAdd": added, "recordsToDelete": removed}
        await self.api.send("POST", "zoneUpdate", json=body)

    async def _find(self, method: str, words: Mapping[str, object], into: type[T]) -> T:
        answer = await self.api.send("POST", method, json=words, repeatable=True)
        return self.api.read(answer, into)

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Add the key to the JSON."""
        return request.with_body(Body.json({"authToken": self.fields["api_key"], **request.json}))


def _only(zone: Zone) -> dict[str, object]:
    return {"filter": {"field": "zoneName", "value": zone.name.text}, "limit": 1, "page": 1}


def _first(found: list[T]) -> T:
    if not found:
        raise ProviderZoneError("it does not know the zone, or not for this key")
    return found[0]


def _record(zone: Zone, change: SetChange, value: str) -> dict[str, object]:
    return {"name": zone.record(change.name).text, "type": "TXT", "content": quote_txt(value)}
