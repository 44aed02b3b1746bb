"""The provider for DreamHost: records of all zones in one list, known by name and value."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderCredentialsError, ProviderQuotaError
from zoneproof.providers.api_provider import RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.refusals import ALREADY, NO_ZONE, USUAL, ErrorBody, Refusal, Refusals

_KEY = Refusal(
    ProviderCredentialsError,
    "it does not accept the key",
    "make one with the functions dns-list_records, dns-add_record and dns-remove_record",
)
_GONE = ("no_such_record", "no_such_type", "no_such_value")


class _Record(msgspec.Struct):
    record: str
    type: str
    value: str = ""
    zone: str = ""


class _Records(msgspec.Struct):
    data: list[_Record]


class DreamHost(RecordsProvider):
    """Lists everything once for a batch. A command has its key in the query."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
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
    by_name: ClassVar[bool] = False
    refusals: ClassVar[Refusals] = {
        "slow_down_bucko": Refusal(ProviderQuotaError, "too many commands", "try again in an hour"),
        "no_such_zone": NO_ZONE,
        "record_already_exists_remove_first": ALREADY,
        **dict.fromkeys(_GONE, ALREADY),
    }
    # Details may follow the word in ``data``.
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("result",),
        messages=("data",),
        success=("result", "success"),
        phrases=tuple(map(str, refusals)),
    )

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones of all records; they are known by name."""
        found = await self._list()
        return [(name, "") for name in dict.fromkeys(one.zone for one in found) if name]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records of the zone."""
        return [
            StoredTxt(f"{one.record} {one.value}", relative_name(one.record, zone), one.value)
            for one in await self._list()
            if (one.zone, one.type) == (zone.name.text, "TXT")
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add one record."""
        await self._change("dns-add_record", zone, record.name, record.value)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record."""
        await self._change("dns-remove_record", zone, stored.name, stored.value)

    async def _list(self) -> list[_Record]:
        # This command has no errors of its own: what is refused is the key.
        refusals = {**USUAL, **self.refusals, "error": _KEY}
        query = {"key": self.fields["key"], "cmd": "dns-list_records", "format": "json"}
        answer = await self.api.send("GET", "/", query=query, refusals=refusals)
        return self.api.read(answer, _Records).data

    async def _change(self, command: str, zone: Zone, name: str, value: str) -> None:
        query = {"key": self.fields["key"], "cmd": command, "format": "json"}
        record = {"record": zone.record(name).text, "type": "TXT", "value": value}
        await self.api.send("GET", "/", query={**query, **record}, repeatable=False)
