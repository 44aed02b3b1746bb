"""The provider for Total Uptime's Cloud DNS: TXT records of a domain, read as a whole."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.core.text import sanitize
from zoneproof.providers.api_client import ApiAnswer
from zoneproof.providers.api_provider import ZONE_ID, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import Body
from zoneproof.providers.contract import (
    CredentialField,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.refusals import ErrorBody

_T = TypeVar("_T")


class _Domain(msgspec.Struct, rename="camel"):
    id: str
    domain_name: str


class _Record(msgspec.Struct, rename="camel"):
    id: str
    txt_host_name: str
    txt_text: str


class _Rows(msgspec.Struct, Generic[_T]):
    rows: list[_T]


class _Result(msgspec.Struct):
    status: str
    message: str | None = None


class TotalUptime(RecordsProvider):
    """Posts and deletes TXT records. Changes answer 200 also when they are refused."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="totaluptime",
        title="Total Uptime",
        homepage="https://totaluptime.com/solutions/cloud-dns-service/",
        fields=(
            CredentialField("user", "name of an API account"),
            CredentialField("password", "that account's password", secret=True),
            ZONE_ID,
        ),
        key_url="https://totaluptime.com/manual/account-admin/users-tab/add-a-user/",
        api_url="https://api.totaluptime.com",
        limits=Limits(value_pattern="[A-Za-z0-9_.:=+/-]{1,255}"),
        notes="Known from two clients (Posh-ACME, 2026, and one in Go, 2023), without recorded"
        " exchanges: only values of the form that they write are taken, and what refusals look"
        " like is not known.",
        least_privilege="A user with `API Account` checked and a role with DNS enabled,"
        " DNS/Information `Read` and DNS/Domains `Full`.",
    )
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("message",))
    by_name: ClassVar[bool] = False

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        super().__init__(
            context,
            auth=(fields["user"], fields["password"]),
            headers={"Accept": "application/json"},
        )

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the domains with their ids."""
        found = await self.api.get("CloudDNS/Domain/All", _Rows[_Domain])
        return [(one.domain_name, one.id) for one in found.rows]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the domain's TXT records."""
        found = await self.api.get(f"CloudDNS/Domain/{zone.id}/TXTRecord/All", _Rows[_Record])
        return [
            StoredTxt(one.id, relative_name(one.txt_host_name, zone), one.txt_text)
            for one in found.rows
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record as JSON, which the API wants to be called a form."""
        new = {"txtHostName": record.name or "@", "txtText": record.value, "txtTTL": record.ttl}
        body = Body(msgspec.json.encode(new), "application/x-www-form-urlencoded")
        path = f"CloudDNS/Domain/{zone.id}/TXTRecord"
        self._check(await self.api.send("POST", path, body=body))

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        path = f"CloudDNS/Domain/{zone.id}/TXTRecord/{stored.id}"
        answer = await self.api.send("DELETE", path, expected=(200, 204, 404))
        if answer.status == 200:
            self._check(answer)

    def _check(self, answer: ApiAnswer) -> None:
        result = self.api.read(answer, _Result)
        if result.status != "Success":
            words = sanitize(result.message or "no reason")
            raise ProviderError(f"it refused the change, it says: {words}", changed_nothing=True)
