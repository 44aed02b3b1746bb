"""The provider for Gcore's DNS: sets, whose other settings stay as they are."""

from __future__ import annotations

from typing import Any

import msgspec

from zoneproof.providers.contract import Alias, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ALREADY, ErrorBody
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_PAGES = Offset("limit", 100)
_KEPT = ("filter_set_id", "pickers", "meta")  # of a set


class _Record(msgspec.Struct, omit_defaults=True):
    content: list[Any]
    enabled: bool | None = None
    meta: dict[str, Any] | None = None

    @property
    def value(self) -> str:
        """The value of a TXT record."""
        return "".join(map(str, self.content))


class _RRset(msgspec.Struct):
    ttl: int
    resource_records: list[_Record]
    filter_set_id: int | None = None
    pickers: list[Any] | None = None
    meta: dict[str, Any] | None = None


class Gcore(SetsProvider):
    """Reads the TXT set at a name, and posts, puts or deletes it; values are not quoted."""

    info = ProviderInfo(
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
    headers = "Authorization: APIKey {token}"
    marked = True
    errors = ErrorBody(messages=("error", "message"))
    zone_list = ZoneList("v2/zones", at="zones", paging=_PAGES)
    set_path = "v2/zones/{zone.name}/{whole}/TXT"
    makes = "POST"
    there = (409,)
    gone = (404,)

    async def read_set(self, zone: Zone, name: str) -> TxtSet | None:
        """Return the TXT set at the name; its version is the whole of it.

        None looks the same in a zone that there is not.
        """
        found = await self.api.find(self.path_of_set(zone, name), _RRset, also={404: ALREADY})
        if found is None:
            return None
        whole = msgspec.json.encode(found).decode()
        return TxtSet(tuple(one.value for one in found.resource_records), found.ttl, whole)

    def set_of(self, zone: Zone, change: SetChange) -> object:
        """Return the set with what there is besides its values."""
        version = change.old.version
        old = msgspec.json.decode(version, type=_RRset) if version else _RRset(0, [])
        there = {one.value: one for one in old.resource_records}
        return {
            **{key: kept for key in _KEPT if (kept := getattr(old, key))},
            "ttl": change.new.ttl,
            "resource_records": [
                there.get(value) or _Record([value], enabled=True) for value in change.new.values
            ],
        }
