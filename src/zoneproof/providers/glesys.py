"""The provider for GleSYS: records one by one, of the whole domain."""

from __future__ import annotations

from typing import Any, ClassVar

import msgspec

from zoneproof.providers.api_provider import Login, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.refusals import ALREADY, USUAL, ErrorBody, Refusals


class _Domain(msgspec.Struct):
    domainname: str


class _Record(msgspec.Struct):
    recordid: int
    host: str
    type: str
    data: str


class _Response(msgspec.Struct):
    domains: list[_Domain] = []
    records: list[_Record] = []


class _Answer(msgspec.Struct):
    response: _Response


class Glesys(RecordsProvider):
    """Adds and deletes TXT records, values as they are; each call is a POST."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="glesys",
        title="GleSYS",
        homepage="https://github.com/GleSYS/API/wiki/API-Documentation",
        fields=(
            token_field("user", "API user, which is the project", secret=False),
            token_field("key", "API key"),
        ),
        key_url="https://cloud.glesys.com/",
        api_url="https://api.glesys.com",
        limits=Limits(min_ttl=60),
        least_privilege="A key that may list domains and list, add and delete their records, and"
        " that works from this machine's address only.",
        name_servers=("ns?.namesystem.se",),
        aliases=(
            Alias("certbot", "dns-glesys", {"user": "user", "password": "key"}),
            Alias("lego", "glesys", {"GLESYS_API_USER": "user", "GLESYS_API_KEY": "key"}),
        ),
    )
    login: ClassVar[Login] = ("user", "key")
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("response.status.code",),
        messages=("response.status.text",),
        success=("response.status.code", 200),
    )
    refusals: ClassVar[Refusals] = {str(status): refusal for status, refusal in USUAL.items()}

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the project's domains; they are known by name."""
        return [(one.domainname, "") for one in (await self._read("list", {})).domains]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return all TXT records of the domain."""
        found = await self._read("listrecords", {"domainname": zone.name.text})
        return [
            StoredTxt(str(one.recordid), relative_name(one.host, zone), one.data)
            for one in found.records
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record, whose name is relative to the domain."""
        new = {
            "domainname": zone.name.text,
            "host": record.name or "@",
            "type": "TXT",
            "data": record.value,
            "ttl": record.ttl,
        }
        await self.api.send("POST", "domain/addrecord", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.send(
            "POST",
            "domain/deleterecord",
            json={"recordid": int(stored.id)},
            repeatable=True,
            refusals={**USUAL, **self.refusals, 404: ALREADY, "404": ALREADY},
        )

    async def _read(self, what: str, words: dict[str, Any]) -> _Response:
        answer = await self.api.send("POST", f"domain/{what}", json=words, repeatable=True)
        return self.api.read(answer, _Answer).response
