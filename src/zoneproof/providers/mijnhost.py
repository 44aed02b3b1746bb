"""The provider for mijn.host, whose API replaces all records of a domain at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import msgspec

from zoneproof.providers.contract import Alias, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import ZoneList, relative_name
from zoneproof.providers.refusals import NO_ZONE, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import WholeZone, WholeZoneProvider

Row = Mapping[str, Any]  # a record as it is in the JSON

_NO_ACCESS = "You have no access to this resource"
_NOT_MANAGED = "DNS records not managed by mijn.host"


class _Txt(msgspec.Struct):
    name: str
    value: str


class MijnHost(WholeZoneProvider[Row]):
    """Reads all records of a domain, and writes them back with the new ones, as they were read.

    There are requests for single records too, of which no source says whether a new value at a name
    replaces another one.
    """

    info = ProviderInfo(
        slug="mijnhost",
        title="mijn.host",
        homepage="https://mijn.host/api/doc/",
        fields=(token_field("api_key", "API key"),),
        key_url="https://mijn.host/cp/account/api/",
        api_url="https://mijn.host/api/v2",
        default_ttl=300,
        notes="All records of a domain are replaced at once: what another program changes in the"
        " same second can be lost.",
        least_privilege="A key may do everything with the account; limit it to this machine's"
        " address.",
        name_servers=("ns?.mijn.host",),
        aliases=(
            Alias("certbot", "dns-mijn-host", {"api_key": "api_key"}),
            Alias("acme.sh", "dns_mijnhost", {"MIJNHOST_API_KEY": "api_key"}),
            Alias("lego", "mijnhost", {"MIJNHOST_API_KEY": "api_key"}),
        ),
    )
    headers = "API-Key: {api_key}"
    errors = ErrorBody(messages=("status_description",), phrases=(_NO_ACCESS, _NOT_MANAGED))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept the API key", "or the key does not allow this machine's address"
        ),
        _NO_ACCESS: NO_ZONE,
        _NOT_MANAGED: Refusal.no_zone(
            "the domain's records are not at mijn.host",
            "choose its name servers for the domain; it is also said now and then in error",
            again=True,
        ),
    }
    zone_list = ZoneList("domains", at="data.domains", name="domain")

    async def read_zone(self, zone: Zone) -> WholeZone[Row]:
        """Return the domain's records."""
        return WholeZone(await self.api.rows(_path(zone), _checked, at="data.records"))

    async def write_zone(self, zone: Zone, whole: WholeZone[Row]) -> None:
        """Replace the domain's records."""
        await self.api.send("PUT", _path(zone), json={"records": whole.records})

    def txt_of(self, zone: Zone, record: Row) -> tuple[str, str] | None:
        """Return name and value of a TXT record."""
        if not _is_txt(record):
            return None
        return relative_name(record["name"], zone), record["value"]

    def record_of(self, zone: Zone, record: TxtRecord) -> Row:
        """Return the record, whose name is whole and ends with a dot."""
        name = f"{zone.record(record.name)}."
        return {"type": "TXT", "name": name, "value": record.value, "ttl": record.ttl}


def _path(zone: Zone) -> str:
    return f"domains/{zone.name}/dns"


def _checked(page: list[object]) -> list[Row]:
    """Return records as they are, with all that they have. Raises ValidationError."""
    rows: list[Row] = msgspec.convert(page, list[dict[str, Any]])
    msgspec.convert([one for one in rows if _is_txt(one)], list[_Txt])
    return rows


def _is_txt(row: Row) -> bool:
    return bool(row.get("type") == "TXT")
