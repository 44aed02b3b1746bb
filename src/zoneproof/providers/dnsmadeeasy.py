"""The provider for DNS Made Easy: records one by one, and requests whose date is signed."""

from __future__ import annotations

from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import quote

import msgspec

from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.providers.api_provider import ZONE_ID, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import ApiRequest, token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ALREADY, SLOWER, ErrorBody, Refusal, Refusals
from zoneproof.providers.signatures import hmac_sha1
from zoneproof.providers.txt_text import unquote_txt

_PAGES = Numbered(start=0, pages="totalPages")


class _Item(msgspec.Struct):
    id: int
    name: str


class _Record(_Item):
    type: str
    value: str


class DnsMadeEasy(RecordsProvider):
    """Adds and deletes TXT records; values are sent bare and come back in quotes.

    The same one twice is refused, which is fine.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="dnsmadeeasy",
        title="DNS Made Easy",
        homepage="https://dnsmadeeasy.com",
        fields=(
            token_field("key", "API key", secret=False),
            token_field("secret", "secret key"),
            ZONE_ID,
        ),
        key_url="https://dnsmadeeasy.com/account/info",
        api_url="https://api.dnsmadeeasy.com/V2.0",
        limits=Limits(value_pattern=r'[^"]*'),  # as dnscontrol found in 2021
        notes="The service takes 150 requests in five minutes. The clock of this machine must be"
        " right to half a minute. For the sandbox, set `api_url` to"
        " `https://api.sandbox.dnsmadeeasy.com/V2.0`. The recorded exchanges that this was compared"
        " with are of 2018.",
        least_privilege="Keys cannot be limited to domains: make a user of the account for"
        " Zoneproof, with permissions for the domains in question only, and use that user's keys.",
        name_servers=("ns?.dnsmadeeasy.com", "ns??.dnsmadeeasy.com", "ns??.digicertdns.*"),
        aliases=(
            Alias("certbot", "dns-dnsmadeeasy", {"api_key": "key", "secret_key": "secret"}),
            Alias("acme.sh", "dns_me", {"ME_Key": "key", "ME_Secret": "secret"}),
            Alias(
                "lego",
                "dnsmadeeasy",
                {"DNSMADEEASY_API_KEY": "key", "DNSMADEEASY_API_SECRET": "secret"},
                choices={
                    "DNSMADEEASY_SANDBOX": {
                        "true": "api_url=https://api.sandbox.dnsmadeeasy.com/V2.0",
                        "false": "",
                    }
                },
            ),
        ),
    )
    at_once: ClassVar[int] = 4
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=(), messages=("error.0", "error"), phrases=("rate limit exceeded", "already exists")
    )
    refusals: ClassVar[Refusals] = {
        403: Refusal(
            ProviderCredentialsError,
            "it does not accept the keys, or not with this machine's time",
            "check key, secret and the clock",
        ),
        "rate limit exceeded": SLOWER,
        "already exists": ALREADY,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return name and id of the managed domains."""
        found = await self._items("dns/managed", _Item)
        return [(one.name, str(one.id)) for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the zone's TXT records, because requests are rationed.

        The service's filter is for a name and a type together.
        """
        found = await self._items(_path(zone), _Record)
        return [
            StoredTxt(str(one.id), relative_name(one.name, zone), unquote_txt(one.value))
            for one in found
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        new = {"type": "TXT", "name": record.name, "value": record.value}
        whole = {**new, "ttl": record.ttl, "gtdLocation": "DEFAULT"}
        await self.api.send("POST", f"{_path(zone)}/", json=whole)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{_path(zone)}/{stored.id}")

    async def _items(self, path: str, of: type[Any]) -> list[Any]:
        return await self.api.items(path, of, at="data", paging=_PAGES)

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Sign the request."""
        date = format_datetime(self.now(), usegmt=True)
        return request.with_headers(
            {
                "x-dnsme-apiKey": self.fields["key"],
                "x-dnsme-requestDate": date,
                "x-dnsme-hmac": hmac_sha1(self.fields["secret"], date).hex(),
            }
        )


def _path(zone: Zone) -> str:
    return f"dns/managed/{quote(zone.id, safe='')}/records"
