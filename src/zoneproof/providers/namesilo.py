"""The provider for NameSilo: records one by one, everything by GET and in XML, with status 200."""

from __future__ import annotations

from typing import ClassVar
from xml.etree import ElementTree as ET

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import StoredTxt, relative_name
from zoneproof.providers.refusals import ALREADY, NO_ZONE, WRONG_KEY, ErrorBody, Refusal, Refusals


class NameSilo(RecordsProvider):
    """Adds and deletes records of a list of the whole zone; one request runs at a time.

    The key has to stand in the query.
    """

    info = ProviderInfo(
        slug="namesilo",
        title="NameSilo",
        homepage="https://www.namesilo.com",
        fields=(token_field("key", "API key"),),
        key_url="https://www.namesilo.com/account/api-manager",
        api_url="https://www.namesilo.com/api",
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
    at_once = 1
    by_name = False
    errors = ErrorBody(
        codes=("reply/code",),
        messages=("reply/detail",),
        success=("reply/code", "300"),
        phrases=("already exists",),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(("109", "110", "111"), WRONG_KEY),
        "112": Refusal.not_allowed("sub-accounts may not use the API"),
        "113": Refusal.not_allowed(
            "it does not accept this machine's address", "allow the address in the API manager"
        ),
        "114": Refusal.no_zone("it does not take the name of the zone"),
        "200": NO_ZONE,
        "400": Refusal.over_quota("it still works on another request", again=True),
        "already exists": ALREADY,
    }
    query = "version=1&type=xml&key={key}"

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains; they are known by name."""
        root = await self.api.get("listDomains", ET.Element)
        return [(one.text or "", "") for one in root.iterfind("reply/domains/domain")]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the zone's TXT records."""
        root = await self.api.get("dnsListRecords", ET.Element, query={"domain": zone.name})
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
        query = {"domain": zone.name, **new, "rrttl": record.ttl}
        await self.api.send("GET", "dnsAddRecord", query=query, repeatable=False)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id. What a missing one is answered is not documented."""
        await self.api.get(
            "dnsDeleteRecord", ET.Element, query={"domain": zone.name, "rrid": stored.id}
        )
