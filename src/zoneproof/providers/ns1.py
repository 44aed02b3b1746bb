"""The provider for NS1 (IBM NS1 Connect): sets of answers, replaced as a whole."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.providers.contract import Alias, ProviderInfo, Zone
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet


class _Answer(msgspec.Struct):
    answer: list[str]


class _Record(msgspec.Struct):
    ttl: int
    answers: list[_Answer]


class Ns1(SetsProvider):
    """Reads and replaces the answers of the TXT record at a name; values are not quoted."""

    info = ProviderInfo(
        slug="ns1",
        title="NS1",
        homepage="https://www.ibm.com/products/ns1-connect",
        fields=(token_field("key", "API key"), ZONE_ID),
        key_url="https://my.nsone.net/#/account/settings",
        api_url="https://api.nsone.net/v1",
        notes="`zone_id` is the zone's own name in the account, its handle; with DNS views it is"
        " another one than the domain, and tells zones of one domain apart.",
        least_privilege="An API key with the permissions to view and manage zones, and to nothing"
        " else, which is allowed the zones that certificates are for, or even only the `TXT`"
        " records at their `_acme-challenge` names. It can be bound to this machine's address.",
        name_servers=("dns?.p*.nsone.net",),
        aliases=(
            Alias("certbot", "dns-nsone", {"api_key": "key"}),
            Alias("acme.sh", "dns_nsone", {"NS1_Key": "key"}),
            Alias("lego", "ns1", {"NS1_API_KEY": "key"}),
        ),
    )
    headers = "X-NSONE-Key: {key}"
    errors = ErrorBody(messages=("message",))
    refusals: ClassVar[Refusals] = {
        "record not found": ALREADY,  # in a zone that there is
        "record already exists": ALREADY,
    }
    zone_list = ZoneList("zones", name="zone", id="name|zone")
    set_path = "zones/{zone.id}/{whole}/TXT"
    replaces = "POST"

    async def read_set(self, zone: Zone, name: str) -> TxtSet | None:
        """Return the TXT answers at the name."""
        found = await self.api.find(self.path_of_set(zone, name), _Record)
        return (
            TxtSet(tuple("".join(one.answer) for one in found.answers), found.ttl)
            if found
            else None
        )

    def set_of(self, zone: Zone, change: SetChange) -> object:
        """Return the record with its answers."""
        return {
            "zone": zone.name.text,
            "domain": zone.record(change.name).text,
            "type": "TXT",
            "ttl": change.new.ttl,
            "answers": [{"answer": [value]} for value in change.new.values],
        }
