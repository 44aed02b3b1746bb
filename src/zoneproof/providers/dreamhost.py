"""The provider for DreamHost: records of all zones in one list, known by name and value."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import ALREADY, NO_ZONE, ErrorBody, Refusal, Refusals

_LIST = "dns-list_records"
# This command has no errors of its own: what is refused is the key.
_NO_KEY: Refusals = {
    "error": Refusal.wrong_key(
        "it does not accept the key",
        "make one with the functions dns-list_records, dns-add_record and dns-remove_record",
    ),
}
_GONE = ("no_such_record", "no_such_type", "no_such_value")


class DreamHost(RecordsProvider):
    """Lists everything once for a batch. A command has its key in the query."""

    info = ProviderInfo(
        slug="dreamhost",
        title="DreamHost",
        homepage="https://www.dreamhost.com",
        fields=(token_field("key", "API key"),),
        key_url="https://panel.dreamhost.com/?tree=home.api",
        api_url="https://api.dreamhost.com",
        default_ttl=300,
        limits=Limits(has_ttl=False),
        notes="DreamHost allows about 10 new records in five minutes and 50 in an hour, so split"
        " certificates with many names. It sets the TTL itself, and its servers may need hours. A"
        " zone to which no record was ever added manually may not be known to the API.",
        least_privilege="A key with the functions `dns-list_records`, `dns-add_record` and"
        " `dns-remove_record` only; it is for all zones of the account.",
        name_servers=("ns?.dreamhost.com",),
        aliases=(
            Alias("acme.sh", "dns_dreamhost", {"DH_API_KEY": "key"}),
            Alias("lego", "dreamhost", {"DREAMHOST_API_KEY": "key"}),
        ),
    )
    by_name = False
    refusals: ClassVar[Refusals] = {
        "slow_down_bucko": Refusal.over_quota("too many commands", "try again in an hour"),
        "no_such_zone": NO_ZONE,
        "record_already_exists_remove_first": ALREADY,
        **dict.fromkeys(_GONE, ALREADY),
    }
    # Details may follow the word in ``data``.
    errors = ErrorBody(
        codes=("result",),
        messages=("data",),
        success=("result", "success"),
        phrases=tuple(map(str, refusals)),
    )
    query = "key={key}&format=json"
    zone_list = ZoneList("/", query={"cmd": _LIST}, at="data", name="zone", also=_NO_KEY)
    record_list = RecordList(
        "/",
        query={"cmd": _LIST},
        at="data",
        id="",
        name="record",
        value="value",
        only={"type": "TXT", "zone": "{zone.name}"},
        also=_NO_KEY,
    )

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add one record."""
        await self._change("dns-add_record", zone, record.name, record.value)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record."""
        await self._change("dns-remove_record", zone, stored.name, stored.value)

    async def _change(self, command: str, zone: Zone, name: str, value: str) -> None:
        record = {"record": zone.record(name).text, "type": "TXT", "value": value}
        await self.api.send("GET", "/", query={"cmd": command, **record}, repeatable=False)
