"""The provider for InterNetX's AutoDNS: all changes of a batch in one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from zoneproof.providers.contract import Alias, ProviderInfo, Zone
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field
from zoneproof.providers.lists import StoredTxt, ZoneList, relative_name
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet, sets_of
from zoneproof.providers.txt_text import unquote_txt

_OTHERWISE = Refusal.conflict("the zone is no longer as it was read")


class _Record(msgspec.Struct):
    type: str
    name: str = ""
    value: str = ""
    ttl: int | None = None  # none for the one in the SOA


class _FullZone(msgspec.Struct, rename="camel"):
    resource_records: list[_Record]


class Autodns(SetsProvider):
    """Adds values to TXT sets and removes values from them; a zone's id is its name server."""

    info = ProviderInfo(
        slug="autodns",
        title="AutoDNS",
        homepage="https://help.internetx.com/display/APIXMLEN/JSON+API+Basics",
        fields=(
            CredentialField("user", "user of the API"),
            CredentialField("password", "the user's password", secret=True),
            token_field("context", "number of the system", secret=False, default="4"),
            ZONE_ID,
        ),
        key_url="https://cloud.autodns.com",
        api_url="https://api.autodns.com/v1",
        notes="`zone_id` is the zone's system name server, such as `a.ns14.net`."
        " The context is 4 for AutoDNS, 1 for its demo, or a personalised system's number.",
        least_privilege="A subuser of its own who may only read and change zones.",
        name_servers=("?.ns14.net",),
        aliases=(
            Alias(
                "acme.sh",
                "dns_autodns",
                {
                    "AUTODNS_USER": "user",
                    "AUTODNS_PASSWORD": "password",
                    "AUTODNS_CONTEXT": "context",
                },
            ),
            Alias(
                "lego",
                "autodns",
                {
                    "AUTODNS_API_USER": "user",
                    "AUTODNS_API_PASSWORD": "password",
                    "AUTODNS_CONTEXT": "context",
                    "AUTODNS_ENDPOINT": "api_url",
                },
            ),
        ),
    )
    headers = "X-Domainrobot-Context: {context}"
    login = ("user", "password")
    batches = True
    checks = False  # nothing of others is written
    errors = ErrorBody(
        codes=("messages.0.code", "status.code"), messages=("messages.0.text", "status.text")
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(("EF02021", "EF02022"), _OTHERWISE),  # not there to remove; there already
        "EF13012": Refusal.wrong_key("it does not know the user in this context", "check both"),
    }
    zone_list = ZoneList(
        "zone/_search",
        json={"view": {"children": False}},
        at="data",
        paging=Offset("view.limit", 100, word="view.offset"),
        name="origin",
        id="virtualNameServer",
        optional=("virtualNameServer",),
    )

    async def read_sets(self, zone: Zone, names: Sequence[str]) -> dict[str, TxtSet]:
        """Return the TXT sets of the zone, which comes with all its records."""
        found = await self.api.items(f"zone/{zone.name}/{zone.id}", _FullZone, at="data")
        return sets_of(
            StoredTxt("", relative_name(one.name, zone), unquote_txt(one.value), one.ttl or 0)
            for whole in found
            for one in whole.resource_records
            if one.type == "TXT"
        )

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Add and remove single values, all of them or none."""
        stream: dict[str, list[dict[str, object]]] = {"adds": [], "rems": []}
        for change in changes:
            name, old, new = change.name, change.old.ttl, change.new.ttl
            stream["adds"] += [_record(name, one, new) for one in change.added]
            stream["rems"] += [_record(name, one, old) for one in change.removed]
        await self.api.send("POST", f"zone/{zone.name}/{zone.id}/_stream", json=stream)


def _record(name: str, value: str, ttl: int) -> dict[str, object]:
    record: dict[str, object] = {"name": name, "type": "TXT", "value": value}
    return {**record, "ttl": ttl} if ttl else record
