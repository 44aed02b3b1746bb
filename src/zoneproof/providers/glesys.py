"""The provider for GleSYS: records one by one, of the whole domain."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import ALREADY, USUAL, ErrorBody, Refusals

_NEW = {"host": "{host}", "type": "TXT", "data": "{value}", "ttl": "{ttl}"}


class Glesys(RecordsProvider):
    """Adds and deletes TXT records, values as they are; each call is a POST."""

    info = ProviderInfo(
        slug="glesys",
        title="GleSYS",
        homepage="https://github.com/GleSYS/API/wiki/API-Documentation",
        fields=(
            token_field("user", "API user, which is the project", secret=False),
            token_field("key", "API key"),
        ),
        key_url="https://cloud.glesys.com/",
        api_url="https://api.glesys.com",
        limits=Limits(min_ttl=60),
        least_privilege="A key that may list domains and list, add and delete their records, and"
        " that works from this machine's address only.",
        name_servers=("ns?.namesystem.se",),
        aliases=(
            Alias("certbot", "dns-glesys", {"user": "user", "password": "key"}),
            Alias("lego", "glesys", {"GLESYS_API_USER": "user", "GLESYS_API_KEY": "key"}),
        ),
    )
    login = ("user", "key")
    headers = "Accept: application/json"  # without, it may answer in XML
    by_name = False
    errors = ErrorBody(
        codes=("response.status.code",),
        messages=("response.status.text",),
        success=("response.status.code", 200),
    )
    refusals: ClassVar[Refusals] = {str(status): refusal for status, refusal in USUAL.items()}
    zone_list = ZoneList("domain/list", json={}, at="response.domains", name="domainname")
    record_list = RecordList(
        "domain/listrecords",
        json={"domainname": "{zone.name}"},
        at="response.records",
        id="recordid",
        name="host",
        value="data",
        changes="domain/addrecord",
        new={"domainname": "{zone.name}", **_NEW},
    )

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.send(
            "POST",
            "domain/deleterecord",
            json={"recordid": stored.number},
            repeatable=True,
            also={404: ALREADY, "404": ALREADY},
        )
