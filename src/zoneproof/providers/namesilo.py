"""The provider for NameSilo: records one by one, everything by GET and in XML, with status 200."""

from __future__ import annotations

from typing import ClassVar
from xml.etree import ElementTree as ET

from zoneproof.core.errors import (
    ProviderError,
    ProviderPermissionError,
    ProviderQuotaError,
    ProviderZoneError,
)
from zoneproof.providers.api_provider import RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.refusals import ALREADY, NO_ZONE, WRONG_KEY, ErrorBody, Refusal, Refusals


class NameSilo(RecordsProvider):
    """Adds and deletes records of a list of the whole zone; one request runs at a time.

    The key has to stand in the query.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="namesilo",
        title="NameSilo",
        homepage="https://www.namesilo.com",
        fields=(token_field("key", "API key"),),
        key_url="https://www.namesilo.com/account/api-manager",
        api_url="https://www.namesilo.com/api",
        default_ttl=3600,
        limits=Limits(min_ttl=3600),
        notes="Changes reach the name servers after up to 15 minutes. The recorded exchanges that"
        " this was compared with are of 2018.",
        least_privilege="The key may do everything with the account: in the API manager, allow it"
        " from the address of this machine only.",
        name_servers=("ns?.dnsowl.com", "ns?.namesilo.com"),
        aliases=(
            Alias("acme.sh", "dns_namesilo", {"Namesilo_Key": "key"}),
            Alias("lego", "namesilo", {"NAMESILO_API_KEY": "key"}),
        ),
    )
    at_once: ClassVar[int] = 1
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("reply/code",),
        messages=("reply/detail",),
        success=("reply/code", "300"),
        phrases=("already exists",),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(("109", "110", "111"), WRONG_KEY),
        "112": Refusal(ProviderPermissionError, "sub-accounts may not use the API"),
        "113": Refusal(
            ProviderPermissionError,
            "it does not accept this machine's address",
            "allow the address in the API manager",
        ),
        "114": Refusal(ProviderZoneError, "it does not take the name of the zone"),
        "200": NO_ZONE,
        "400": Refusal(ProviderQuotaError, "it still works on another request", again=True),
        "already exists": ALREADY,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains; they are known by name."""
        root = await self._call("listDomains")
        return [(one.text or "", "") for one in root.iterfind("reply/domains/domain")]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the zone's TXT records."""
        root = await self._call("dnsListRecords", domain=zone.name)
        return [
            StoredTxt(
                one.findtext("record_id", ""),
                relative_name(one.findtext("host", ""), zone),
                one.findtext("value", ""),
            )
            for one in root.iter("resource_record")
            if one.findtext("type") == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record, whose name is relative to the zone."""
        new = {"rrtype": "TXT", "rrhost": record.name, "rrvalue": record.value}
        await self._call("dnsAddRecord", domain=zone.name, **new, rrttl=record.ttl)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id. What a missing one is answered is not documented."""
        try:
            await self._call("dnsDeleteRecord", domain=zone.name, rrid=stored.id)
        except ProviderError:
            if any(one.id == stored.id for one in await self.list_records(zone, stored.name)):
                raise

    async def _call(self, operation: str, **query: object) -> ET.Element:
        whole = {"version": 1, "type": "xml", "key": self.fields["key"], **query}
        adding = operation == "dnsAddRecord"
        answer = await self.api.send("GET", operation, query=whole, repeatable=not adding)
        return self.api.read(answer, ET.Element)
