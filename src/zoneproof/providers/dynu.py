"""The provider for Dynu: records one by one, all of a zone in one list."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderQuotaError, ProviderZoneError
from zoneproof.providers.api_provider import (
    ZONE_ID,
    Headers,
    RecordsProvider,
    StoredTxt,
    relative_name,
)
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.refusals import USUAL, WRONG_KEY, ErrorBody, Refusal, Refusals

_ARGUMENT = "Argument Exception"


class _Domain(msgspec.Struct):
    id: int
    name: str


class _Domains(msgspec.Struct):
    domains: list[_Domain]


class _Record(msgspec.Struct):
    id: int
    hostname: str
    type: str = msgspec.field(name="recordType")
    text: str = msgspec.field(name="textData", default="")


class _Records(msgspec.Struct):
    records: list[_Record] = msgspec.field(name="dnsRecords")


class Dynu(RecordsProvider):
    """Adds and deletes TXT records; the domain itself is the empty node."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="dynu",
        title="Dynu",
        homepage="https://www.dynu.com",
        fields=(token_field("key", "API key"), ZONE_ID),
        key_url="https://www.dynu.com/en-US/ControlPanel/APICredentials",
        api_url="https://api.dynu.com/v2",
        default_ttl=300,
        limits=Limits(min_ttl=90),
        notes="Free accounts have 4 records for a domain, so a wildcard beside its domain needs"
        " two of them. acme.sh uses client id and secret of the same page; here it is the API key.",
        least_privilege="The key is that of the account, for all its domains; it can be changed"
        " on the page where it stands.",
        name_servers=("ns*.dynu.com",),
        aliases=(
            Alias("certbot", "dns-dynu", {"auth_token": "key"}),
            Alias("acme.sh", "dns_dynu"),
            Alias("lego", "dynu", {"DYNU_API_KEY": "key"}),
        ),
    )
    headers: ClassVar[Headers] = {"API-Key": "{key}", "Accept": "application/json"}
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("type",), messages=("message",), success=("statusCode", 200)
    )
    refusals: ClassVar[Refusals] = {
        "Authentication Exception": WRONG_KEY,
        "Quota Exception": Refusal(
            ProviderQuotaError, "no more records are allowed", "remove one, or become a member"
        ),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return name and id of the domains."""
        found = await self.api.get("dns", _Domains)
        return [(one.name, str(one.id)) for one in found.domains]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records of the domain."""
        unknown = Refusal(ProviderZoneError, "it does not know the domain, or not for this key")
        refusals = {**USUAL, **self.refusals, _ARGUMENT: unknown}
        answer = await self.api.send("GET", f"dns/{zone.id}/record", refusals=refusals)
        return [
            StoredTxt(str(one.id), relative_name(one.hostname, zone), one.text)
            for one in self.api.read(answer, _Records).records
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add one record."""
        new = {"nodeName": record.name, "recordType": "TXT", "textData": record.value}
        await self.api.send(
            "POST", f"dns/{zone.id}/record", json={**new, "ttl": record.ttl, "state": True}
        )

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record."""
        await self.api.delete(f"dns/{zone.id}/record/{stored.id}")
