"""The provider for Gcore's DNS: sets, whose other settings stay as they are."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from zoneproof.core.errors import AlreadyDoneError, ProviderConflictError
from zoneproof.providers.api_provider import Headers
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, ProviderInfo, Zone
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ALREADY, USUAL, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_PAGES = Offset("limit", 100)
_NONE: Refusals = {**USUAL, 404: ALREADY}
_GONE: Refusals = {**USUAL, 404: Refusal(ProviderConflictError, "the set is no longer there")}
_THERE: Refusals = {**USUAL, 409: Refusal(ProviderConflictError, "the set is there by now")}
_KEPT = ("filter_set_id", "pickers", "meta")  # of a set
_KEPT_OF_RECORD = ("content", "enabled", "meta")


class _Zone(msgspec.Struct):
    name: str


class _RRset(msgspec.Struct):
    ttl: int
    resource_records: list[dict[str, Any]]
    filter_set_id: int | None = None
    pickers: list[Any] | None = None
    meta: dict[str, Any] | None = None


class Gcore(SetsProvider):
    """Reads the TXT set at a name, and posts, puts or deletes it; values are not quoted."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="gcore",
        title="Gcore",
        homepage="https://gcore.com/docs/api-reference/dns",
        fields=(token_field("token", "permanent API token"),),
        key_url="https://accounts.gcore.com/profile/api-tokens",
        api_url="https://api.gcore.com/dns",
        default_ttl=120,
        least_privilege="A token that has the least of the account's roles that may change DNS, and"
        " a date of expiry; it works for all zones of the account.",
        name_servers=("ns1.gcorelabs.net", "ns2.gcdn.services"),
        aliases=(
            Alias("certbot", "dns-gcore", {"apitoken": "token", "dns_api_url": "api_url"}),
            Alias("acme.sh", "dns_gcore", {"GCORE_Key": "token"}),
            Alias("lego", "gcore", {"GCORE_PERMANENT_API_TOKEN": "token"}),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "APIKey {token}"}
    marked: ClassVar[bool] = True
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("error", "message"))

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's zones; they are known by name."""
        found = await self.api.items(
            "v2/zones",
            _Zone,
            at="zones",
            paging=_PAGES,
        )
        return [(zone.name, "") for zone in found]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name; its version is the whole of it.

        None looks the same in a zone that there is not.
        """
        try:
            answer = await self.api.send("GET", _path(zone, name), refusals=_NONE)
        except AlreadyDoneError:
            return TxtSet()
        found = self.api.read(answer, _RRset)
        whole = msgspec.json.encode(found).decode()
        return TxtSet(tuple(map(_value, found.resource_records)), found.ttl, whole)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Post a set that is new, put one that is there, or delete it."""
        path = _path(zone, change.name)
        if not change.new.values:
            await self.api.delete(path)
            return
        old = msgspec.json.decode(change.old.version or "{}")
        there = {_value(one): one for one in old.get("resource_records", ())}
        new = {
            **{key: old[key] for key in _KEPT if old.get(key)},
            "ttl": change.new.ttl,
            "resource_records": [_record(value, there.get(value)) for value in change.new.values],
        }
        method, refusals = ("PUT", _GONE) if there else ("POST", _THERE)
        await self.api.send(method, path, json=new, refusals=refusals)


def _path(zone: Zone, name: str) -> str:
    return f"v2/zones/{zone.name}/{zone.record(name)}/TXT"


def _value(record: dict[str, Any]) -> str:
    return "".join(map(str, record.get("content", ())))


def _record(value: str, there: dict[str, Any] | None) -> dict[str, Any]:
    if there is None:
        return {"content": [value], "enabled": True}
    return {key: there[key] for key in _KEPT_OF_RECORD if there.get(key) is not None}
