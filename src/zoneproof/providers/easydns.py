"""The provider for easyDNS: records one by one, of the whole zone, a request in a second."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderQuotaError, ProviderZoneError
from zoneproof.providers.api_provider import Login, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusal, Refusals

_PAGES = Offset(word="start", total="total")
_PAUSE = 1.0  # seconds; the service takes one request in a second
_CALM = Refusal(
    ProviderQuotaError,
    "too many requests, or none of the keys",
    "it takes one request in a second, and 500 in a day",
    again=True,
)


class _Record(msgspec.Struct):
    id: str | int
    host: str
    type: str
    rdata: str


class Easydns(RecordsProvider):
    """Adds and deletes TXT records, values as they are. Zones are known by name, and not listed."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="easydns",
        title="easyDNS",
        homepage="https://docs.sandbox.rest.easydns.net",
        fields=(token_field("token", "API token"), token_field("key", "API key")),
        key_url="https://cp.easydns.com/manage/security/",
        api_url="https://rest.easydns.net",
        default_ttl=300,
        limits=Limits(min_ttl=300),
        notes="The API takes one request in a second and 500 in a day, which count from midnight in"
        " New York. New keys are for the sandbox, `https://sandbox.rest.easydns.net`, until"
        " easyDNS's support opens the live API for them.",
        least_privilege="The keys may do everything with the account, also buy: keep them on this"
        " machine only.",
        name_servers=("dns?.easydns.*",),
        aliases=(
            Alias(
                "certbot",
                "dns-easydns",
                {"usertoken": "token", "userkey": "key", "endpoint": "api_url"},
            ),
            Alias("acme.sh", "dns_easydns", {"EASYDNS_Token": "token", "EASYDNS_Key": "key"}),
            Alias(
                "lego",
                "easydns",
                {"EASYDNS_TOKEN": "token", "EASYDNS_KEY": "key", "EASYDNS_ENDPOINT": "api_url"},
            ),
        ),
    )
    login: ClassVar[Login] = ("token", "key")
    at_once: ClassVar[int] = 1
    pause: ClassVar[float] = _PAUSE
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("error.code", "status"), messages=("error.message", "msg"), success=("error", None)
    )
    refusals: ClassVar[Refusals] = {
        403: Refusal(
            ProviderZoneError,
            "the account does not have the domain",
            "check token and key too, and whether they are for the sandbox",
        ),
        409: ALREADY,
        **dict.fromkeys((420, "420"), _CALM),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return none; the API lists the domains of a user whose name is not in the keys."""
        return []

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return all TXT records of the zone."""
        found = await self.api.items(
            f"zones/records/all/{zone.name}",
            _Record,
            at="data",
            query={"format": "json"},
            paging=_PAGES,
        )
        return [
            StoredTxt(str(one.id), relative_name(one.host, zone), one.rdata)
            for one in found
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Put the record, which is not the same twice here as once."""
        new = {
            "domain": zone.name.text,
            "host": record.name or "@",
            "ttl": record.ttl,
            "prio": 0,
            "type": "TXT",
            "rdata": record.value,
        }
        path = f"zones/records/add/{zone.name}/TXT"
        await self.api.send("PUT", path, query={"format": "json"}, json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        path = f"zones/records/{zone.name}/{stored.id}"
        await self.api.delete(path, query={"format": "json"})
