"""The provider for Njalla: JSON-RPC, records of a domain in one list."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import NOT_ALLOWED, WRONG_KEY, ErrorBody, Refusal, Refusals

_DENIED = "permission denied"
_NEW = {
    "domain": "{zone.name}",
    "type": "TXT",
    "name": "{host}",
    "content": "{value}",
    "ttl": "{ttl}",
}
_UNKNOWN = Refusal.no_zone("it does not know the domain, or not for this token")


class Njalla(RecordsProvider):
    """Adds and removes records by their ids. Answers with an ``error`` have status 200 too."""

    info = ProviderInfo(
        slug="njalla",
        title="Njalla",
        homepage="https://njal.la",
        fields=(token_field("token", "API token"),),
        key_url="https://njal.la/settings/api/",
        api_url="https://njal.la/api/1",
        default_ttl=300,
        limits=Limits(min_ttl=60),
        notes="Sources: recorded exchanges of 2020, clients of 2026.",
        least_privilege="Tokens are for the account; make one for this program alone, so that it"
        " can be removed by itself.",
        name_servers=("1-you.njalla.no", "2-can.njalla.in", "3-get.njalla.fo"),
        aliases=(
            Alias("certbot", "dns-njalla", {"token": "token"}),
            Alias("acme.sh", "dns_njalla", {"NJALLA_Token": "token"}),
            Alias("lego", "njalla", {"NJALLA_TOKEN": "token"}),
        ),
    )
    headers = "Authorization: Njalla {token}"
    by_name = False
    errors = ErrorBody(
        codes=("error.message",), messages=("error.message",), success=("error", None)
    )
    refusals: ClassVar[Refusals] = {
        "Invalid token.": WRONG_KEY,
        _DENIED: NOT_ALLOWED,
    }
    zone_list = ZoneList("/", json={"method": "list-domains", "params": {}}, at="result.domains")
    record_list = RecordList(
        "/",
        json={"method": "list-records", "params": {"domain": "{zone.name}"}},
        at="result.records",
        also={_DENIED: _UNKNOWN},
        new={"method": "add-record", "params": _NEW},
    )

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record."""
        parameters = {"domain": zone.name.text, "id": stored.number}
        call = {"method": "remove-record", "params": parameters}
        await self.api.send("POST", "/", json=call)
