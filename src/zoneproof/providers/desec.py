"""The provider for deSEC: sets, several in one request, because changes are rationed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.refusals import Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet


class _RRset(msgspec.Struct):
    subname: str
    records: list[str]
    ttl: int


class Desec(SetsProvider):
    """Reads and replaces the TXT sets of a batch in one request each.

    Lists are asked for with an empty cursor: above 500 items there is no answer without one.
    """

    info = ProviderInfo(
        slug="desec",
        title="deSEC",
        homepage="https://desec.io",
        fields=(token_field("token", "API token"),),
        key_url="https://desec.io/tokens",
        api_url="https://desec.io/api/v1",
        limits=Limits(min_ttl=3600),
        notes="deSEC allows 2 changes of a domain in a second, 15 in a minute, 100 in an hour and"
        " 300 in a day; all values of an order for one domain are one change.",
        least_privilege="A token with a default policy that may not write, and one policy with"
        " `perm_write` for each `_acme-challenge` name: `domain`, `subname` and the type `TXT`."
        " Reading is always allowed.",
        name_servers=("ns1.desec.io", "ns2.desec.org"),
        aliases=(
            Alias("certbot", "dns-desec", {"token": "token"}),
            Alias("acme.sh", "dns_desec", {"DEDYN_TOKEN": "token"}),
            Alias("lego", "desec", {"DESEC_TOKEN": "token"}),
        ),
    )
    headers = "Authorization: Token {token}"
    batches = True
    refusals: ClassVar[Refusals] = {
        409: Refusal.conflict("another change of the domain came at the same time"),
    }
    zone_list = ZoneList("domains/", query={"cursor": ""})

    async def read_sets(self, zone: Zone, names: Sequence[str]) -> dict[str, TxtSet]:
        """Return the TXT sets of the domain, or only that of the name if it is a single one."""
        query = {"type": "TXT", "subname": names[0] if len(names) == 1 else None, "cursor": ""}
        found = await self.api.items(f"domains/{zone.name}/rrsets/", _RRset, query=query)
        return {one.subname: TxtSet.of_quoted(one.records, one.ttl) for one in found}

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Replace the sets, all of them or none; one without records is deleted."""
        sets = [
            {
                "subname": change.name,
                "type": "TXT",
                "ttl": change.new.ttl,
                "records": change.new.quoted,
            }
            for change in changes
        ]
        await self.api.send("PUT", f"domains/{zone.name}/rrsets/", json=sets)
