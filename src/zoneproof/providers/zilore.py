"""The provider for Zilore: records one by one, what is new in the query."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.txt_text import quote_txt


class Zilore(RecordsProvider):
    """Adds and deletes TXT records of a domain, found by their whole name, in Unicode.

    The filters were without effect when dns-lexicon tried them; then all records are read.
    """

    info = ProviderInfo(
        slug="zilore",
        title="Zilore",
        homepage="https://zilore.com",
        fields=(token_field("key", "API key"),),
        key_url="https://my.zilore.com/account/api",
        api_url="https://api.zilore.com/dns/v1",
        default_ttl=600,
        limits=Limits(min_ttl=300),
        notes="The API is for paid plans. The recorded exchanges that this was compared with are of"
        " 2019; on the names of the parameters of a new record, lego disagrees with them and with"
        " all other clients.",
        least_privilege="The key may do everything with the account: use an account that has only"
        " the domains in question.",
        name_servers=("ns?.zilore.net",),
        aliases=(
            Alias("acme.sh", "dns_zilore", {"Zilore_Key": "key"}),
            Alias("lego", "zilore", {"ZILORE_ACCESS_KEY": "key"}),
        ),
    )
    headers = "X-Auth-Key: {key}"
    errors = ErrorBody(
        codes=("error.code",), messages=("error.message", "details"), success=("status", "ok")
    )
    refusals: ClassVar[Refusals] = {
        "3": Refusal.wrong_key(
            "it does not accept the key", "check the key, and that the plan has API access"
        ),
    }
    zone_list = ZoneList("domains", at="response", name="domain_name")
    record_list = RecordList(
        "domains/{zone.name}/records",
        at="response",
        id="record_id",
        name="record_name",
        value="record_value",
        only={"record_type": "TXT"},
        quoted=True,
    )

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        wanted = zone.record(name).text.encode().decode("idna")
        query = {"search_text": wanted, "strict_search": "yes", "search_record_type": "TXT"}
        this = replace(self.record_list, query=query)
        return await this.records(self.api, self.fields, zone, name)

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, with its whole name."""
        new = {
            "record_type": "TXT",
            "record_name": zone.record(record.name),
            "record_value": quote_txt(record.value),
            "record_ttl": record.ttl,
        }
        await self.api.send("POST", _path(zone), query=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(_path(zone), query={"record_id": stored.id})


def _path(zone: Zone) -> str:
    return f"domains/{zone.name}/records"
