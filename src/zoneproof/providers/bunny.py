"""The provider for bunny.net's DNS: records one by one, of the whole zone."""

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
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody

_PAGES = Numbered("perPage", 100)  # of zones, which come with all their records
_TXT = 3  # what the API calls the type


class _Zone(msgspec.Struct):
    Id: int
    Domain: str


class _Record(msgspec.Struct):
    Id: int
    Type: int
    Name: str | None = None
    Value: str | None = None


class _Records(msgspec.Struct):
    Records: list[_Record]


class Bunny(RecordsProvider):
    """Adds and deletes TXT records; a zone comes with all its records, values not quoted."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="bunny",
        title="bunny.net",
        homepage="https://docs.bunny.net/reference/bunnynet-api-overview",
        fields=(token_field("api_key", "API key of the account"), ZONE_ID),
        key_url="https://dash.bunny.net/account/api-key",
        api_url="https://api.bunny.net",
        limits=Limits(min_ttl=60),
        least_privilege="The account's key may do everything. A key of a sub-user that may use DNS"
        " only is narrower.",
        name_servers=("kiki.bunny.net", "coco.bunny.net"),
        aliases=(
            Alias("certbot", "dns-bunny", {"api_key": "api_key"}),
            Alias("acme.sh", "dns_bunny", {"BUNNY_API_KEY": "api_key"}),
            Alias("lego", "bunny", {"BUNNY_API_KEY": "api_key"}),
        ),
    )
    headers: ClassVar[Headers] = {"AccessKey": "{api_key}"}
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(codes=("ErrorKey",), messages=("Message",))

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's zones."""
        found = await self.api.items("dnszone", _Zone, at="Items", paging=_PAGES)
        return [(zone.Domain, str(zone.Id)) for zone in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return all TXT records of the zone."""
        found = await self.api.get(f"dnszone/{zone.id}", _Records)
        return [
            StoredTxt(str(one.Id), relative_name(one.Name or "", zone), one.Value or "")
            for one in found.Records
            if one.Type == _TXT
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Put the record, which is not the same twice here as once."""
        new = {"Type": _TXT, "Name": record.name or "@", "Value": record.value, "Ttl": record.ttl}
        await self.api.send("PUT", f"dnszone/{zone.id}/records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"dnszone/{zone.id}/records/{stored.id}")
