"""The provider for Selectel's old DNS hosting: version 1 of the API, with a static token."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.providers.api_provider import (
    ZONE_ID,
    Headers,
    RecordsProvider,
    StoredTxt,
    relative_name,
)
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_PAGES = Offset("limit", 50)


class _Domain(msgspec.Struct):
    id: int
    name: str


class _Record(msgspec.Struct):
    id: int
    name: str
    type: str
    content: str = ""


class SelectelV1(RecordsProvider):
    """Adds and deletes TXT records of a domain, whose records are listed as a whole."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="selectel-v1",
        title="Selectel (legacy)",
        homepage="https://docs.selectel.com/cloud-services/dns-hosting/dns_hosting/",
        fields=(token_field("token", "Selectel token (X-Token)"), ZONE_ID),
        key_url="https://my.selectel.ru/profile/apikeys",
        api_url="https://api.selectel.ru/domains/v1",
        limits=Limits(value_pattern="[A-Za-z0-9_.:=+/-]{1,255}", min_ttl=60),
        notes="Only for zones of the old hosting, which other clients call deprecated (2026); all"
        " others are changed with `selectel`. Values are limited to what clients are known to have"
        " written.",
        least_privilege="The token may do everything with the account.",
        name_servers=("ns?.selectel.org",),
        aliases=(
            Alias("certbot", "dns-selectel", {"api_key": "token"}),
            Alias("lego", "selectel", {"SELECTEL_API_TOKEN": "token"}),
        ),
    )
    headers: ClassVar[Headers] = {"X-Token": "{token}"}
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("error",))
    refusals: ClassVar[Refusals] = {
        401: Refusal(
            ProviderCredentialsError,
            "it does not accept the token",
            "zones that are not of the old hosting are changed with the provider selectel",
        ),
    }
    by_name: ClassVar[bool] = False

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the domains with their ids."""
        found = await self.api.items("/", _Domain, paging=_PAGES)
        return [(one.name, str(one.id)) for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the domain's TXT records."""
        path = f"{zone.id}/records/"
        found = await self.api.items(path, _Record, paging=_PAGES)
        return [
            StoredTxt(str(one.id), relative_name(one.name, zone), one.content)
            for one in found
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record with its whole name."""
        new = {
            "name": zone.record(record.name).text,
            "type": "TXT",
            "content": record.value,
            "ttl": record.ttl,
        }
        await self.api.send("POST", f"{zone.id}/records/", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{zone.id}/records/{stored.id}")
