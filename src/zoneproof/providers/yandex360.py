"""The provider for domains in Yandex 360: records one by one, of the whole zone."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import Headers, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody

_PAGES = Numbered("perPage", 50, pages="pages")


class _Domain(msgspec.Struct):
    name: str


class _Record(msgspec.Struct, rename="camel"):
    record_id: int
    type: str
    name: str = ""
    text: str = ""


class Yandex360(RecordsProvider):
    """Adds and deletes TXT records; values are not quoted."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="yandex360",
        title="Yandex 360",
        homepage="https://yandex.ru/dev/api360/doc/ru/ref/DomainDNSService/",
        fields=(
            token_field("token", "OAuth token of an administrator of the organization"),
            token_field("org_id", "number of the organization", secret=False),
        ),
        key_url="https://oauth.yandex.ru",
        api_url="https://api360.yandex.net/directory/v1",
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-\[\]-~]+", min_ttl=60),
        notes="Zones in Yandex Cloud are changed with `yandex`. OAuth tokens last at most a year:"
        " note the date. Made from the API reference and three clients, without recorded"
        " exchanges.",
        least_privilege="An OAuth application with `directory:manage_dns` and"
        " `directory:read_domains`; its token works for all domains of the organization.",
        name_servers=("dns?.yandex.net",),
        aliases=(
            Alias(
                "acme.sh",
                "dns_yandex360",
                {"YANDEX360_ACCESS_TOKEN": "token", "YANDEX360_ORG_ID": "org_id"},
            ),
            Alias(
                "lego",
                "yandex360",
                {"YANDEX360_OAUTH_TOKEN": "token", "YANDEX360_ORG_ID": "org_id"},
            ),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "OAuth {token}"}
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("message",))

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        self._domains = f"org/{context.fields['org_id']}/domains"

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the organization's domains; they are known by name."""
        found = await self.api.items(self._domains, _Domain, at="domains", paging=_PAGES)
        return [(one.name, "") for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the domain's TXT records."""
        path = f"{self._domains}/{zone.name}/dns"
        found = await self.api.items(path, _Record, at="records", paging=_PAGES)
        return [
            StoredTxt(str(one.record_id), relative_name(one.name, zone), one.text)
            for one in found
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        new = {"type": "TXT", "name": record.name or "@", "text": record.value, "ttl": record.ttl}
        await self.api.send("POST", f"{self._domains}/{zone.name}/dns", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{self._domains}/{zone.name}/dns/{stored.id}")
