"""The provider for Leaseweb's DNS: sets, made or replaced one by one."""

from __future__ import annotations

import msgspec

from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_PAGES = Offset("limit", 100)
_TTLS = (60, 300, 1800, 3600, 14400, 28800, 43200, 86400)  # those that the API takes
_THERE: Refusals = {400: Refusal.conflict("the set is there by now, or invalid")}
_GONE: Refusals = {404: Refusal.conflict("the set is no longer there")}


class _RecordSet(msgspec.Struct):
    content: list[str]
    ttl: int


class Leaseweb(SetsProvider):
    """Reads the TXT set at a name, and posts, puts or deletes it."""

    info = ProviderInfo(
        slug="leaseweb",
        title="Leaseweb",
        homepage="https://developer.leaseweb.com/docs/#tag/DNS",
        fields=(token_field("api_key", "API key"),),
        key_url="https://secure.leaseweb.com/api-client-management/",
        api_url="https://api.leaseweb.com/hosting/v2",
        limits=Limits(min_ttl=60),
        notes="A TTL is one of 60, 300, 1800, 3600, 14400, 28800, 43200 and 86400 seconds; another"
        " one is raised to the next of these.",
        least_privilege="The API describes one kind of key, for the whole account.",
        aliases=(
            Alias("certbot", "dns-leaseweb", {"api_token": "api_key"}),
            Alias("acme.sh", "dns_leaseweb", {"LSW_Key": "api_key"}),
            Alias("lego", "leaseweb", {"LEASEWEB_API_KEY": "api_key"}),
        ),
    )
    headers = "X-LSW-Auth: {api_key}"
    errors = ErrorBody(codes=("errorCode",), messages=("errorMessage",))
    zone_list = ZoneList(
        "domains", at="domains", query={"type": "dns"}, paging=_PAGES, name="domainName"
    )
    set_path = "domains/{zone.name}/resourceRecordSets/{whole}./TXT"

    async def read_set(self, zone: Zone, name: str) -> TxtSet | None:
        """Return the TXT set at the name. None looks the same in a domain that there is not."""
        path = self.path_of_set(zone, name)
        found = await self.api.find(path, _RecordSet, also={404: ALREADY})
        return TxtSet.of_quoted(found.content, found.ttl) if found else None

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Post a set that is new, put one that is there, or delete it."""
        path = self.path_of_set(zone, change.name)
        new: dict[str, object] = {
            "content": change.new.quoted,
            "ttl": next((ttl for ttl in _TTLS if ttl >= change.new.ttl), _TTLS[-1]),
        }
        if not change.new.values:
            await self.api.delete(path)
        elif change.old.values:
            await self.api.send("PUT", path, json=new, also=_GONE)
        else:
            new |= {"name": zone.record(change.name).fqdn, "type": "TXT"}
            path = f"domains/{zone.name}/resourceRecordSets"
            await self.api.send("POST", path, json=new, also=_THERE)
