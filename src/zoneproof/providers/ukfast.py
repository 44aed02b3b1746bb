"""The provider for SafeDNS of ANS, which was UKFast: records one by one, found by their name."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import Headers, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_PAGES = Numbered("per_page", 100, pages="meta.pagination.total_pages")


class _Zone(msgspec.Struct):
    name: str


class _Record(msgspec.Struct):
    id: int
    name: str
    content: str


class Ukfast(RecordsProvider):
    """Adds and deletes TXT records, whose names are whole and whose values are quoted."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="ukfast",
        title="ANS SafeDNS",
        homepage="https://developers.ukfast.io/documentation/safedns",
        fields=(token_field("token", "key of an API application"),),
        key_url="https://my.ukfast.co.uk/applications/index.php",
        api_url="https://api.ukfast.io/safedns/v1",
        default_ttl=120,
        least_privilege="An API application of its own that may read and write SafeDNS, and nothing"
        " else; it works for all zones of the account.",
        name_servers=("ns?.ukfast.net",),
        aliases=(
            Alias("certbot", "dns_safedns", {"auth_token": "token"}),
            Alias("lego", "safedns", {"SAFEDNS_AUTH_TOKEN": "token"}),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "{token}"}
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("errors.0.title",), messages=("errors.0.detail", "message")
    )

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's zones; they are known by name."""
        found = await self.api.items("zones", _Zone, at="data", paging=_PAGES)
        return [(zone.name, "") for zone in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        query = {"type:eq": "TXT", "name:eq": zone.record(name)}
        found = await self.api.items(
            f"zones/{zone.name}/records", _Record, at="data", query=query, paging=_PAGES
        )
        return [
            StoredTxt(str(one.id), relative_name(one.name, zone), unquote_txt(one.content))
            for one in found
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record."""
        new = {
            "name": zone.record(record.name).text,
            "type": "TXT",
            "content": quote_txt(record.value),
            "ttl": record.ttl,
        }
        await self.api.send("POST", f"zones/{zone.name}/records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"zones/{zone.name}/records/{stored.id}")
