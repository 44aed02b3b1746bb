"""The provider for Vultr's DNS: records one by one, of the whole zone."""

from __future__ import annotations

import msgspec

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import StoredTxt, ZoneList, relative_name
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import ErrorBody

_PAGES = NextWord("per_page", 500, at="meta.links.next", word="cursor")


class _Record(msgspec.Struct):
    id: str
    type: str
    name: str
    data: str


class Vultr(RecordsProvider):
    """Adds and deletes TXT records. The API takes the same one twice."""

    info = ProviderInfo(
        slug="vultr",
        title="Vultr",
        homepage="https://docs.vultr.com/products/network/dns",
        fields=(token_field("api_key", "API key"),),
        key_url="https://my.vultr.com/settings/#settingsapi",
        api_url="https://api.vultr.com/v2",
        limits=Limits(value_pattern=r"[ !#-\[\]-~]*"),
        notes="The service holds no quotes in a value; what it makes of backslashes and of letters"
        " that are not ASCII is not described. Under Access Control of the API the address of this"
        " machine has to be allowed.",
        least_privilege="An API key may do everything that its user may: make a sub-user with the"
        " permission Manage DNS and with API access, and allow only this machine's address.",
        name_servers=("ns?.vultr.com",),
        aliases=(
            Alias("certbot", "dns-vultr", {"key": "api_key"}),
            Alias("acme.sh", "dns_vultr", {"VULTR_API_KEY": "api_key"}),
            Alias("lego", "vultr", {"VULTR_API_KEY": "api_key"}),
        ),
    )
    headers = "Authorization: Bearer {api_key}"
    by_name = False
    errors = ErrorBody(messages=("error",))
    zone_list = ZoneList("domains", at="domains", paging=_PAGES, name="domain")

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return all TXT records of the domain. Their values stand in quotes."""
        path = f"domains/{zone.name}/records"
        found = await self.api.items(path, _Record, at="records", paging=_PAGES)
        return [
            StoredTxt(one.id, relative_name(one.name, zone), _unquoted(one.data))
            for one in found
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        data = f'"{record.value}"'
        new = {"type": "TXT", "name": record.name, "data": data, "ttl": record.ttl, "priority": 0}
        await self.api.send("POST", f"domains/{zone.name}/records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"domains/{zone.name}/records/{stored.id}")


def _unquoted(data: str) -> str:
    return data[1:-1] if len(data) > 1 and data[0] == data[-1] == '"' else data
