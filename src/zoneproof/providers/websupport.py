"""The provider for Websupport: records one by one, of the whole zone, requests signed by time."""

from __future__ import annotations

import base64
from typing import ClassVar
from urllib.parse import urlsplit

import msgspec

from zoneproof.providers.api_provider import ZONE_ID, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import ApiRequest, token_field
from zoneproof.providers.contract import Alias, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody
from zoneproof.providers.signatures import hmac_sha1

_PAGES = Numbered("rowsPerPage", 100)


class _Zone(msgspec.Struct):
    id: int
    name: str | None = None


class _Record(msgspec.Struct):
    id: int
    name: str
    content: str
    type: str = ""


class Websupport(RecordsProvider):
    """Adds and deletes TXT records, values as they are.

    Zones are listed by version 1 of the API, records are those of version 2. Names are whole when
    they are read, and relative when they are written.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="websupport",
        title="Websupport",
        homepage="https://rest.websupport.sk/v2/docs",
        fields=(
            token_field("api_key", "API key, which is called identifier too"),
            token_field("secret", "secret key"),
            ZONE_ID,
        ),
        key_url="https://admin.websupport.sk/en/auth/apiKey",
        api_url="https://rest.websupport.sk",
        default_ttl=120,
        notes="Requests are signed with the time: this machine's clock has to be right.",
        least_privilege="A key may do everything with the account; keep it on this machine only.",
        name_servers=("ns?.websupport.sk",),
        aliases=(
            Alias("certbot", "dns-websupport", {"identifier": "api_key", "secret_key": "secret"}),
            Alias("acme.sh", "dns_websupport", {"WS_ApiKey": "api_key", "WS_ApiSecret": "secret"}),
            Alias(
                "lego",
                "websupport",
                {"WEBSUPPORT_API_KEY": "api_key", "WEBSUPPORT_SECRET": "secret"},
            ),
        ),
    )
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(codes=("type",), messages=("title", "message"))

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's zones, whose ids are those of services."""
        found = await self.api.items("v1/user/self/zone", _Zone, at="items")
        return [(zone.name, str(zone.id)) for zone in found if zone.name]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return all TXT records of the zone."""
        found = await self.api.items(
            _path(zone),
            _Record,
            at="data",
            paging=_PAGES,
        )
        return [
            StoredTxt(str(one.id), relative_name(one.name, zone), one.content)
            for one in found
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        name = record.name or "@"
        new = {"type": "TXT", "name": name, "content": record.value, "ttl": record.ttl}
        await self.api.send("POST", _path(zone), json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{_path(zone)}/{stored.id}")

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Sign the request."""
        now = self.now()
        path = urlsplit(request.url).path
        text = f"{request.method} {path} {int(now.timestamp())}"
        signature = hmac_sha1(self.fields["secret"], text).hex()
        login = base64.b64encode(f"{self.fields['api_key']}:{signature}".encode()).decode()
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")  # the header of version 1, and of version 2
        return request.with_headers(
            {"Authorization": f"Basic {login}", "Date": stamp, "X-Date": stamp}
        )


def _path(zone: Zone) -> str:
    return f"v2/service/{zone.id}/dns/record"
