"""The provider for Timeweb Cloud's DNS: records one by one, of the whole zone."""

from __future__ import annotations

from datetime import datetime
from typing import Any, ClassVar

import msgspec

from zoneproof.providers.api_provider import Headers, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.expiring_key import ExpiringKey, end_of_jwt, not_told
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody

_PAGES = Offset("limit", 100)


class _Domain(msgspec.Struct):
    fqdn: str


class _Data(msgspec.Struct):
    value: str = ""
    subdomain: str | None = None  # which the zone itself has not


class _Record(msgspec.Struct):
    id: int
    type: str
    data: _Data


class Timeweb(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records, by version 2 of the API; only version 1 can list them."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="timeweb",
        title="Timeweb Cloud",
        homepage="https://timeweb.cloud/api-docs",
        fields=(token_field("token", "API token"),),
        key_url="https://timeweb.cloud/my/api-keys",
        key_expiry="if the token has an end",
        api_url="https://api.timeweb.cloud/api",
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-\[\]-~]+", has_ttl=False),
        notes="Made from the service's own client and two others, without recorded exchanges.",
        least_privilege="A token for this program alone, for the project with the domains if there"
        " are several, and with an end.",
        name_servers=("ns?.timeweb.ru", "ns?.timeweb.org"),
        aliases=(
            Alias("acme.sh", "dns_timeweb", {"TW_Token": "token"}),
            Alias("lego", "timewebcloud", {"TIMEWEBCLOUD_AUTH_TOKEN": "token"}),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "Bearer {token}"}
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(codes=("error_code",), messages=("message",))

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains; they are known by name."""
        return [(one.fqdn, "") for one in await self._all("v1/domains", _Domain, "domains")]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the domain's TXT records."""
        path = f"v1/domains/{zone.name}/dns-records"
        return [
            StoredTxt(str(one.id), relative_name(one.data.subdomain or "", zone), one.data.value)
            for one in await self._all(path, _Record, "dns_records")
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record to its whole name."""
        new = {"type": "TXT", "value": record.value}
        await self.api.send("POST", f"v2/domains/{zone.record(record.name)}/dns-records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"v2/domains/{zone.record(stored.name)}/dns-records/{stored.id}")

    async def key_end(self) -> datetime | None:
        """Return when the token ends, which says so itself."""
        end = end_of_jwt(self.fields["token"])
        if end is None:
            raise not_told()
        return end

    async def _all(self, path: str, of: type[Any], at: str) -> list[Any]:
        return await self.api.items(
            path,
            of,
            at=at,
            paging=_PAGES,
        )
