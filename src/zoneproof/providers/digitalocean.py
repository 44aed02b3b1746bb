"""The provider for DigitalOcean's DNS: records one by one, found by their whole name."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import Headers, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.paging import NextUrl
from zoneproof.providers.refusals import SLOWER, ErrorBody, Refusals

_PAGES = NextUrl("per_page", 200, at="links.pages.next")


class _Domain(msgspec.Struct):
    name: str


class _Record(msgspec.Struct):
    id: int
    name: str
    data: str


class DigitalOcean(RecordsProvider):
    """Adds and deletes TXT records. The API takes the same one twice."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="digitalocean",
        title="DigitalOcean",
        homepage="https://docs.digitalocean.com/products/networking/dns/",
        fields=(token_field("token", "personal access token"),),
        key_url="https://cloud.digitalocean.com/account/api/tokens",
        api_url="https://api.digitalocean.com/v2",
        limits=Limits(value_bytes=255, value_pattern=r"[^\\]*", min_ttl=30),
        notes="The service takes no backslash in a value, nor values much longer than 255 bytes.",
        least_privilege="A token with the custom scopes `domain:read`, `domain:create` and"
        " `domain:delete`; it works for all domains of the team. Give it a date of expiry.",
        name_servers=("ns?.digitalocean.com",),
        aliases=(
            Alias("certbot", "dns-digitalocean", {"token": "token"}),
            Alias("acme.sh", "dns_dgon", {"DO_API_KEY": "token"}),
            Alias("lego", "digitalocean", {"DO_AUTH_TOKEN": "token", "DO_API_URL": "api_url"}),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "Bearer {token}"}
    errors: ClassVar[ErrorBody] = ErrorBody(codes=("id",), messages=("message",))
    refusals: ClassVar[Refusals] = {
        "too_many_requests": SLOWER,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the domains; they are known by name."""
        found = await self.api.items("domains", _Domain, at="domains", paging=_PAGES)
        return [(domain.name, "") for domain in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        query = {"type": "TXT", "name": zone.record(name)}
        path = f"domains/{zone.name}/records"
        found = await self.api.items(path, _Record, at="domain_records", query=query, paging=_PAGES)
        return [StoredTxt(str(one.id), relative_name(one.name, zone), one.data) for one in found]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        name = record.name or "@"
        new = {"type": "TXT", "name": name, "data": record.value, "ttl": record.ttl}
        await self.api.send("POST", f"domains/{zone.name}/records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"domains/{zone.name}/records/{stored.id}")
