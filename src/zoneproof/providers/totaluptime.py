"""The provider for Total Uptime's Cloud DNS: TXT records of a domain, read as a whole."""

from __future__ import annotations

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.core.text import sanitize
from zoneproof.providers.api_client import ApiAnswer
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import Body
from zoneproof.providers.contract import Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import ZONE_ID, CredentialField
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import ErrorBody


class _Result(msgspec.Struct):
    status: str
    message: str | None = None


class TotalUptime(RecordsProvider):
    """Posts and deletes TXT records. Changes answer 200 also when they are refused."""

    info = ProviderInfo(
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
    errors = ErrorBody(messages=("message",))
    by_name = False
    login = ("user", "password")
    headers = "Accept: application/json"
    zone_list = ZoneList("CloudDNS/Domain/All", at="rows", name="domainName", id="id")
    record_list = RecordList(
        "CloudDNS/Domain/{zone.id}/TXTRecord/All",
        at="rows",
        name="txtHostName",
        value="txtText",
        only={},
    )

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
