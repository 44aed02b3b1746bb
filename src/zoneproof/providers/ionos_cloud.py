"""The provider for IONOS Cloud DNS: records one by one, which take a while to come and go."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

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
from zoneproof.providers.expiring_key import ExpiringKey, end_of_jwt, not_told
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody

_PAGES = Offset("limit", 1000)
_GOING = "DESTROYING"


class _ZoneProperties(msgspec.Struct, rename="camel"):
    zone_name: str


class _Zone(msgspec.Struct):
    id: str
    properties: _ZoneProperties


class _RecordProperties(msgspec.Struct):
    name: str
    type: str
    content: str


class _Metadata(msgspec.Struct):
    state: str = ""


class _Record(msgspec.Struct):
    id: str
    properties: _RecordProperties
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class IonosCloud(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records, found among all records of the account by their zone."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="ionos-cloud",
        title="IONOS Cloud DNS",
        homepage="https://docs.ionos.com/cloud/network-services/cloud-dns",
        fields=(token_field("token", "API token"), ZONE_ID),
        key_url="https://dcd.ionos.com/latest/?dcd=#token-management",
        key_expiry="whatever it may do",
        api_url="https://dns.de-fra.ionos.com",
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-\[\]-~]+", min_ttl=60),
        notes="Domains at IONOS's web hosting have another API, and are changed with `ionos`. Made"
        " from the service's own client (2025) and two others (2026), without recorded exchanges.",
        least_privilege="A token of a user of its own, in a group that may access and manage DNS;"
        " tokens last at most a year.",
        name_servers=("ns-ic.ui-dns.*",),
        aliases=(
            Alias("acme.sh", "dns_ionos_cloud", {"IONOS_TOKEN": "token"}),
            Alias("lego", "ionoscloud", {"IONOSCLOUD_API_TOKEN": "token"}),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "Bearer {token}"}
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("messages.0.errorCode",), messages=("messages.0.message",)
    )

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's primary zones."""
        found = await self._all("zones", _Zone, {})
        return [(one.properties.zone_name, one.id) for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the zone's TXT records whose names contain the name, but those that are going."""
        query = {"filter.zoneId": zone.id, "filter.type": "TXT", "filter.name": name or None}
        return [
            StoredTxt(one.id, relative_name(one.properties.name, zone), one.properties.content)
            for one in await self._all("records", _Record, query)
            if one.properties.type == "TXT" and one.metadata.state != _GOING
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        new = {"name": record.name or "@", "type": "TXT", "content": record.value}
        properties = {**new, "ttl": record.ttl, "enabled": True}
        await self.api.send("POST", f"zones/{zone.id}/records", json={"properties": properties})

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"zones/{zone.id}/records/{stored.id}")

    async def key_end(self) -> datetime | None:
        """Return when the token ends, which says so itself."""
        end = end_of_jwt(self.fields["token"])
        if end is None:
            raise not_told()
        return end

    async def _all(self, path: str, of: type[Any], query: Mapping[str, object]) -> list[Any]:
        return await self.api.items(
            path,
            of,
            at="items",
            query=query,
            paging=_PAGES,
        )
