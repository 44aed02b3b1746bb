"""The provider for Hostinger's DNS: values appended to sets, or sets replaced to remove some."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from zoneproof.providers.contract import Alias, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import ZoneList, relative_name
from zoneproof.providers.refusals import ErrorBody
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import unquote_txt


class _Record(msgspec.Struct):
    content: str


class _RecordSet(msgspec.Struct):
    name: str
    type: str
    ttl: int
    records: list[_Record]


class Hostinger(SetsProvider):
    """Reads all sets of a domain; what is added is appended to what there is then."""

    info = ProviderInfo(
        slug="hostinger",
        title="Hostinger",
        homepage="https://developers.hostinger.com",
        fields=(token_field("token", "API token"),),
        key_url="https://hpanel.hostinger.com/profile/api",
        api_url="https://developers.hostinger.com",
        default_ttl=300,
        least_privilege="A token may do everything that its owner may; give it a date of expiry.",
        name_servers=("ns?.dns-parking.com",),
        aliases=(
            Alias("certbot", "dns-hostinger", {"api_token": "token"}),
            Alias("lego", "hostinger", {"HOSTINGER_API_TOKEN": "token"}),
        ),
    )
    headers = "Authorization: Bearer {token}\nAccept: application/json"
    batches = True
    errors = ErrorBody(messages=("message",))
    zone_list = ZoneList("api/domains/v1/portfolio", name="domain", optional=("domain",))

    async def read_sets(self, zone: Zone, names: Sequence[str]) -> dict[str, TxtSet]:
        """Return the TXT sets of the domain."""
        found = await self.api.items(f"api/dns/v1/zones/{zone.name}", _RecordSet)
        return {
            relative_name(one.name, zone): TxtSet(
                tuple(unquote_txt(record.content) for record in one.records), one.ttl
            )
            for one in found
            if one.type == "TXT"
        }

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Append values, replace sets that lose some, and delete those that keep none.

        A set is replaced too if a value is there twice, as another program appended it meanwhile.
        """
        path = f"api/dns/v1/zones/{zone.name}"
        appended, replaced, deleted = [], [], []
        for change in changes:
            if change.added and not change.removed:
                appended.append(_set(change, change.added))
            elif change.new.values:
                replaced.append(_set(change, change.new.values))
            else:
                deleted.append({"name": change.name or "@", "type": "TXT"})
        for sets, overwrite in ((appended, False), (replaced, True)):
            if sets:
                await self.api.send("PUT", path, json={"overwrite": overwrite, "zone": sets})
        if deleted:
            await self.api.delete(path, json={"filters": deleted})


def _set(change: SetChange, values: Sequence[str]) -> dict[str, object]:
    records = [{"content": value} for value in values]
    return {
        "name": change.name or "@",
        "type": "TXT",
        "ttl": change.new.ttl,
        "records": records,
    }
