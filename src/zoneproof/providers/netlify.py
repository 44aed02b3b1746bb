"""The provider for Netlify's DNS: records one by one, of the whole zone."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import (
    ZONE_ID,
    Headers,
    RecordsProvider,
    StoredTxt,
    relative_name,
)
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.refusals import ErrorBody


class _Zone(msgspec.Struct):
    id: str
    name: str


class _Record(msgspec.Struct):
    id: str
    type: str
    hostname: str
    value: str | None = None


class Netlify(RecordsProvider):
    """Adds and deletes TXT records, whose names are whole and whose values are not quoted."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="netlify",
        title="Netlify",
        homepage="https://docs.netlify.com/manage/domains/configure-domains/netlify-dns/",
        fields=(token_field("token", "personal access token"), ZONE_ID),
        key_url="https://app.netlify.com/user/applications#personal-access-tokens",
        api_url="https://api.netlify.com/api/v1",
        notes="The API allows 500 requests in a minute. What it answers to a token without a right"
        " is not described. The name servers are NS1's.",
        least_privilege="A token may do everything that its user may: make one of a user who is in"
        " a team with nothing but the DNS zones, and give it a date of expiry.",
        name_servers=("dns?.p*.nsone.net",),
        aliases=(
            Alias("acme.sh", "dns_netlify", {"NETLIFY_ACCESS_TOKEN": "token"}),
            Alias("lego", "netlify", {"NETLIFY_TOKEN": "token"}),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "Bearer {token}"}
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("message",))

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones of all teams of the token's user."""
        return [(zone.name, zone.id) for zone in await self.api.items("dns_zones", _Zone)]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return all TXT records of the zone."""
        return [
            StoredTxt(one.id, relative_name(one.hostname, zone), one.value or "")
            for one in await self.api.items(f"dns_zones/{zone.id}/dns_records", _Record)
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record with its whole name."""
        name = zone.record(record.name).text
        new = {"type": "TXT", "hostname": name, "value": record.value, "ttl": record.ttl}
        await self.api.send("POST", f"dns_zones/{zone.id}/dns_records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"dns_zones/{zone.id}/dns_records/{stored.id}")
