"""The provider for PointDNS: records one by one, each wrapped in an object of its own."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.providers.api_provider import (
    Headers,
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
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.txt_text import unquote_txt


class _Named(msgspec.Struct):
    name: str


class _Zone(msgspec.Struct):
    zone: _Named


class _Txt(msgspec.Struct):
    id: int
    name: str
    data: str
    record_type: str


class _Record(msgspec.Struct):
    zone_record: _Txt


class PointDns(RecordsProvider):
    """Adds and deletes TXT records of a zone, which is known by its name as well as by its id.

    Clients disagree on how to ask for a name, so all TXT records of the zone are listed.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="pointdns",
        title="PointDNS",
        homepage="https://pointhq.com",
        fields=(
            CredentialField("user", "e-mail address of the account"),
            token_field("key", "API key"),
        ),
        key_url="https://app.pointhq.com/account",
        api_url="https://api.pointhq.com",
        limits=Limits(),
        notes="The recorded exchanges that this was compared with are of 2018; on the body of a new"
        " record, lego disagrees with them and with all other clients.",
        least_privilege="The key may do everything with the account: use an account that has only"
        " the zones in question.",
        name_servers=("dns?.pointhq.com", "dns??.pointhq.com"),
        aliases=(
            Alias("acme.sh", "dns_pointhq", {"PointHQ_Key": "key", "PointHQ_Email": "user"}),
            Alias("lego", "pointdns", {"POINTDNS_USERNAME": "user", "POINTDNS_PASSWORD": "key"}),
        ),
    )
    login: ClassVar[Login] = ("user", "key")
    headers: ClassVar[Headers] = {"Accept": "application/json"}
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=(), messages=("message",), phrases=("access denied",)
    )
    refusals: ClassVar[Refusals] = {
        "access denied": Refusal(
            ProviderCredentialsError, "it does not accept the key", "check e-mail address and key"
        ),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's zones."""
        return [(one.zone.name, "") for one in await self.api.get("zones", list[_Zone])]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the zone's TXT records; their names are whole, their values in quotes."""
        query = {"record_type": "TXT"}
        found = await self.api.get(_path(zone), list[_Record], query=query)
        return [
            StoredTxt(str(one.id), relative_name(one.name, zone), unquote_txt(one.data))
            for one in (wrapped.zone_record for wrapped in found)
            if one.record_type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        new = {"record_type": "TXT", "name": record.name, "data": record.value, "ttl": record.ttl}
        await self.api.send("POST", _path(zone), json={"zone_record": new})

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{_path(zone)}/{stored.id}")


def _path(zone: Zone) -> str:
    return f"zones/{zone.name}/records"
