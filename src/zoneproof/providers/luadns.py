"""The provider for LuaDNS: records one by one, of the whole zone."""

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
from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    Limits,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.refusals import ErrorBody


class _Zone(msgspec.Struct):
    id: int
    name: str


class _Record(msgspec.Struct):
    id: int
    name: str
    type: str
    content: str


class Luadns(RecordsProvider):
    """Adds and deletes TXT records. Lists have pages only for those who ask for them."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="luadns",
        title="LuaDNS",
        homepage="https://luadns.com/api.html",
        fields=(
            CredentialField("user", "e-mail address of the account"),
            token_field("key", "API key"),
            ZONE_ID,
        ),
        key_url="https://app.luadns.com/users/api_keys",
        api_url="https://api.luadns.com/v1",
        default_ttl=300,
        limits=Limits(min_ttl=300),
        notes="The API has to be switched on in the account's settings; it allows 1,200 requests in"
        " five minutes.",
        least_privilege="An API key that is restricted to the zone that certificates are for: a key"
        " is for a single zone or for all of them.",
        name_servers=("ns?.luadns.net",),
        aliases=(
            Alias("certbot", "dns-luadns", {"email": "user", "token": "key"}),
            Alias("acme.sh", "dns_lua", {"LUA_Email": "user", "LUA_Key": "key"}),
            Alias(
                "lego",
                "luadns",
                {"LUADNS_API_USERNAME": "user", "LUADNS_API_TOKEN": "key"},
            ),
        ),
    )
    login: ClassVar[Login] = ("user", "key")
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("message", "0.message"))

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's zones."""
        return [(zone.name, str(zone.id)) for zone in await self.api.get("zones", list[_Zone])]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return all TXT records of the zone, whose names are whole and end with a dot."""
        return [
            StoredTxt(str(one.id), relative_name(one.name, zone), one.content)
            for one in await self.api.get(f"zones/{zone.id}/records", list[_Record])
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record with its whole name."""
        name = f"{zone.record(record.name)}."
        new = {"type": "TXT", "name": name, "content": record.value, "ttl": record.ttl}
        await self.api.send("POST", f"zones/{zone.id}/records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"zones/{zone.id}/records/{stored.id}")
