"""The provider for easyDNS: records one by one, of the whole zone, a request in a second."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, StoredTxt
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusal, Refusals

_PAGES = Offset(word="start", total="total")
_PAUSE = 1.0  # seconds; the service takes one request in a second
_CALM = Refusal.over_quota(
    "too many requests, or none of the keys",
    "it takes one request in a second, and 500 in a day",
    again=True,
)


class Easydns(RecordsProvider):
    """Adds and deletes TXT records, values as they are. Zones are known by name, and not listed."""

    info = ProviderInfo(
        slug="easydns",
        title="easyDNS",
        homepage="https://docs.sandbox.rest.easydns.net",
        fields=(token_field("token", "API token"), token_field("key", "API key")),
        key_url="https://cp.easydns.com/manage/security/",
        api_url="https://rest.easydns.net",
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
    login = ("token", "key")
    at_once = 1
    pause = _PAUSE
    by_name = False
    errors = ErrorBody(
        codes=("error.code", "status"), messages=("error.message", "msg"), success=("error", None)
    )
    refusals: ClassVar[Refusals] = {
        403: Refusal.no_zone(
            "the account does not have the domain",
            "check token and key too, and whether they are for the sandbox",
        ),
        **dict.fromkeys((409, "409"), ALREADY),
        **dict.fromkeys((420, "420"), _CALM),
    }
    record_list = RecordList(
        "zones/records/all/{zone.name}",
        at="data",
        paging=_PAGES,
        name="host",
        value="rdata",
    )
    query = "format=json"

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Put the record, which is not the same twice here as once."""
        new = {"domain": zone.name.text, "host": record.name or "@", "ttl": record.ttl, "prio": 0}
        path = f"zones/records/add/{zone.name}/TXT"
        await self.api.send("PUT", path, json={**new, "type": "TXT", "rdata": record.value})

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"zones/records/{zone.name}/{stored.id}")
