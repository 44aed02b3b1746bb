"""The provider for Domeneshop (Domainnameshop): records one by one, found by their name."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import (
    ZONE_ID,
    Login,
    RecordsProvider,
    StoredTxt,
    relative_name,
)
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.refusals import NO_ZONE, ErrorBody, Refusals

_STEP = 60  # seconds; a TTL is a multiple of it


class _Services(msgspec.Struct):
    dns: bool


class _Domain(msgspec.Struct):
    id: int
    domain: str
    services: _Services


class _Record(msgspec.Struct):
    id: int
    host: str
    data: str


class Domeneshop(RecordsProvider):
    """Adds and deletes TXT records, values as they are."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="domeneshop",
        title="Domeneshop",
        homepage="https://api.domeneshop.no/docs/",
        fields=(
            token_field("token", "API token"),
            token_field("secret", "secret of the token"),
            ZONE_ID,
        ),
        key_url="https://www.domeneshop.no/admin?view=api",
        api_url="https://api.domeneshop.no/v0",
        limits=Limits(min_ttl=_STEP),
        notes="A TTL is a multiple of 60 seconds; another one is raised to the next.",
        least_privilege="A token may do everything with the account's DNS; limit it to this"
        " machine's address.",
        name_servers=("ns?.hyp.net",),
        aliases=(
            Alias(
                "certbot", "dns-domeneshop", {"client_token": "token", "client_secret": "secret"}
            ),
            Alias(
                "acme.sh",
                "dns_domeneshop",
                {"DOMENESHOP_Token": "token", "DOMENESHOP_Secret": "secret"},
            ),
            Alias(
                "lego",
                "domeneshop",
                {"DOMENESHOP_API_TOKEN": "token", "DOMENESHOP_API_SECRET": "secret"},
            ),
        ),
    )
    login: ClassVar[Login] = ("token", "secret")
    errors: ClassVar[ErrorBody] = ErrorBody(codes=("code",), messages=("help",))
    refusals: ClassVar[Refusals] = {
        "resource:unauthorized": NO_ZONE,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the domains with DNS service; there is one page of them."""
        found = await self.api.items("domains", _Domain)
        return [(one.domain, str(one.id)) for one in found if one.services.dns]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        query = {"host": name or "@", "type": "TXT"}
        found = await self.api.items(f"domains/{zone.id}/dns", _Record, query=query)
        return [StoredTxt(str(one.id), relative_name(one.host, zone), one.data) for one in found]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        ttl = -(-record.ttl // _STEP) * _STEP
        new = {"host": record.name or "@", "ttl": ttl, "type": "TXT", "data": record.value}
        await self.api.send("POST", f"domains/{zone.id}/dns", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"domains/{zone.id}/dns/{stored.id}")
