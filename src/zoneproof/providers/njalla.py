"""The provider for Njalla: JSON-RPC, records of a domain in one list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderZoneError
from zoneproof.providers.api_provider import Headers, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.refusals import NOT_ALLOWED, USUAL, WRONG_KEY, ErrorBody, Refusal, Refusals

_DENIED = "permission denied"


class _Domain(msgspec.Struct):
    name: str


class _Record(msgspec.Struct):
    id: int | str
    name: str
    type: str
    content: str


class _Result(msgspec.Struct):
    domains: list[_Domain] = []
    records: list[_Record] = []


class _Answer(msgspec.Struct):
    result: _Result


class Njalla(RecordsProvider):
    """Adds and removes records by their ids. Answers with an ``error`` have status 200 too."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="njalla",
        title="Njalla",
        homepage="https://njal.la",
        fields=(token_field("token", "API token"),),
        key_url="https://njal.la/settings/api/",
        api_url="https://njal.la/api/1",
        default_ttl=300,
        limits=Limits(min_ttl=60),
        notes="Sources: recorded exchanges of 2020, clients of 2026.",
        least_privilege="Tokens are for the account; make one for this program alone, so that it"
        " can be removed by itself.",
        name_servers=("1-you.njalla.no", "2-can.njalla.in", "3-get.njalla.fo"),
        aliases=(
            Alias("certbot", "dns-njalla", {"token": "token"}),
            Alias("acme.sh", "dns_njalla", {"NJALLA_Token": "token"}),
            Alias("lego", "njalla", {"NJALLA_TOKEN": "token"}),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "Njalla {token}"}
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("error.message",), messages=("error.message",), success=("error", None)
    )
    refusals: ClassVar[Refusals] = {
        "Invalid token.": WRONG_KEY,
        _DENIED: NOT_ALLOWED,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the domains; they are known by name."""
        result = await self._call("list-domains", {})
        return [(one.name, "") for one in result.domains]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records of the domain."""
        unknown = Refusal(ProviderZoneError, "it does not know the domain, or not for this token")
        where = {"domain": zone.name.text}
        refusals = {**USUAL, **self.refusals, _DENIED: unknown}
        result = await self._call("list-records", where, refusals=refusals)
        return [
            StoredTxt(str(one.id), relative_name(one.name, zone), one.content)
            for one in result.records
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add one record."""
        new = {"type": "TXT", "name": record.name or "@", "content": record.value}
        parameters = {"domain": zone.name.text, **new, "ttl": record.ttl}
        await self._call("add-record", parameters, repeatable=False)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record."""
        key = int(stored.id) if stored.id.isdigit() else stored.id
        parameters = {"domain": zone.name.text, "id": key}
        await self._call("remove-record", parameters, repeatable=False)

    async def _call(
        self,
        method: str,
        parameters: Mapping[str, object],
        *,
        repeatable: bool = True,
        refusals: Refusals | None = None,
    ) -> _Result:
        call = {"method": method, "params": parameters}
        answer = await self.api.send(
            "POST", "/", json=call, repeatable=repeatable, refusals=refusals
        )
        return self.api.read(answer, _Answer).result
