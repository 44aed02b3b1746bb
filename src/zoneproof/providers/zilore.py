"""The provider for Zilore: records one by one, what is new in the query."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.providers.api_provider import Headers, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.txt_text import quote_txt, unquote_txt


class _Domain(msgspec.Struct):
    domain_name: str


class _Record(msgspec.Struct):
    record_id: str
    record_name: str
    record_type: str
    record_value: str


class _Domains(msgspec.Struct):
    response: list[_Domain]


class _Records(msgspec.Struct):
    response: list[_Record]


class Zilore(RecordsProvider):
    """Adds and deletes TXT records of a domain, found by their whole name.

    The filters were without effect when dns-lexicon tried them; then all records are read.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
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
    headers: ClassVar[Headers] = {"X-Auth-Key": "{key}"}
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("error.code",), messages=("error.message", "details"), success=("status", "ok")
    )
    refusals: ClassVar[Refusals] = {
        "3": Refusal(
            ProviderCredentialsError,
            "it does not accept the key",
            "check the key, and that the plan has API access",
        ),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains; they are known by name."""
        found = await self.api.get("domains", _Domains)
        return [(one.domain_name, "") for one in found.response]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name; their values are in quotes."""
        query = {
            "search_text": zone.record(name),
            "strict_search": "yes",
            "search_record_type": "TXT",
        }
        found = await self.api.get(_path(zone), _Records, query=query)
        return [
            StoredTxt(
                one.record_id, relative_name(one.record_name, zone), unquote_txt(one.record_value)
            )
            for one in found.response
            if one.record_type == "TXT"
        ]

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
