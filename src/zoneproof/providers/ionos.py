"""The provider for IONOS's hosting DNS: records one by one, found by their whole name."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote

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
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.txt_text import unquote_txt


class _Zone(msgspec.Struct):
    id: str
    name: str


class _Record(msgspec.Struct):
    id: str
    name: str
    type: str
    content: str


class _Records(msgspec.Struct):
    records: list[_Record] = []


class Ionos(RecordsProvider):
    """Adds and deletes TXT records; values are sent bare and come back in quotes."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="ionos",
        title="IONOS",
        homepage="https://developer.hosting.ionos.com/docs/dns",
        fields=(
            token_field("prefix", "public prefix of the API key", secret=False),
            token_field("secret", "secret of the API key"),
            ZONE_ID,
        ),
        key_url="https://developer.hosting.ionos.com/docs/getstarted",
        api_url="https://api.hosting.ionos.com/dns/v1",
        limits=Limits(min_ttl=60),
        notes="This is the API for domains of IONOS's hosting; IONOS Cloud DNS is another service.",
        least_privilege="Keys cannot be limited: one works for all domains of the contract. Make"
        " one for Zoneproof alone, so that it can be withdrawn alone.",
        name_servers=tuple(f"ns????.ui-dns.{end}" for end in ("de", "com", "org", "biz")),
        aliases=(
            Alias("certbot", "dns-ionos", {"prefix": "prefix", "secret": "secret"}),
            Alias("acme.sh", "dns_ionos", {"IONOS_PREFIX": "prefix", "IONOS_SECRET": "secret"}),
            Alias("lego", "ionos", {"IONOS_API_KEY": "prefix.secret"}),
        ),
    )
    headers: ClassVar[Headers] = {"X-API-Key": "{prefix}.{secret}"}
    errors: ClassVar[ErrorBody] = ErrorBody(codes=("0.code",), messages=("0.message", "message"))
    refusals: ClassVar[Refusals] = {
        401: Refusal(
            ProviderCredentialsError, "it does not accept the key", "check prefix and secret"
        ),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return name and id of the zones."""
        return [(one.name, one.id) for one in await self.api.get("zones", list[_Zone])]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        query = {"recordName": zone.record(name), "recordType": "TXT"}
        found = await self.api.get(_path(zone), _Records, query=query)
        return [
            StoredTxt(one.id, relative_name(one.name, zone), unquote_txt(one.content))
            for one in found.records
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, with its whole name."""
        new = {"name": zone.record(record.name).text, "type": "TXT", "content": record.value}
        whole = {**new, "ttl": record.ttl, "prio": 0, "disabled": False}
        await self.api.send("POST", f"{_path(zone)}/records", json=[whole])

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{_path(zone)}/records/{stored.id}")


def _path(zone: Zone) -> str:
    return f"zones/{quote(zone.id, safe='')}"
