"""The provider for Rackspace Cloud DNS, whose changes are jobs to wait for."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

import msgspec

from zoneproof.core.aio import KeyedLocks
from zoneproof.core.errors import (
    AlreadyDoneError,
    ProviderError,
    ProviderQuotaError,
    ProviderUnavailableError,
)
from zoneproof.core.text import sanitize
from zoneproof.providers.api_client import ApiAnswer
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field
from zoneproof.providers.lists import StoredTxt, relative_name
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_PAGES = Offset("limit", 100)
_LOOKS = 60  # at a job, one in a second


class _Domain(msgspec.Struct):
    id: int
    name: str


class _Record(msgspec.Struct):
    id: str
    name: str
    data: str


class _Endpoint(msgspec.Struct):
    public_url: str = msgspec.field(name="publicURL", default="")


class _Service(msgspec.Struct):
    type: str
    endpoints: list[_Endpoint]


class _Token(msgspec.Struct):
    id: str
    expires: datetime


class _Access(msgspec.Struct, rename="camel"):
    token: _Token
    service_catalog: list[_Service]


class _Login(msgspec.Struct):
    access: _Access


class _JobError(msgspec.Struct):
    code: int = 0
    message: str = ""
    details: str = ""


class _Job(msgspec.Struct, rename="camel"):
    status: str
    job_id: str
    error: _JobError = msgspec.field(default_factory=_JobError)


class Rackspace(RecordsProvider):
    """Adds and deletes TXT records by jobs, one at a time for a domain.

    Where the DNS API is stands in the answer of the login.
    """

    info = ProviderInfo(
        slug="rackspace",
        title="Rackspace",
        homepage="https://docs.rackspace.com/docs/cloud-dns",
        fields=(
            CredentialField("user", "name of a Rackspace Cloud user"),
            token_field("key", "that user's API key"),
            ZONE_ID,
        ),
        key_url="https://account.rackspace.com",
        api_url="https://identity.api.rackspacecloud.com/v2.0",
        limits=Limits(value_bytes=255, min_ttl=300),
        notes="Each change is a job of a few seconds, and those of one domain take turns. What the"
        " service answers is known from exchanges of 2018; clients of 2026 agree.",
        least_privilege="A user of the account with the role DNS Admin, and with none for another"
        " product.",
        name_servers=("dns?.stabletransit.com",),
        aliases=(
            Alias(
                "acme.sh",
                "dns_rackspace",
                {"RACKSPACE_Username": "user", "RACKSPACE_Apikey": "key"},
            ),
            Alias("lego", "rackspace", {"RACKSPACE_USER": "user", "RACKSPACE_API_KEY": "key"}),
        ),
    )
    errors = ErrorBody(
        messages=("message", "details", "unauthorized.message", "overLimit.message"),
    )
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key("it does not accept user and key"),
        413: Refusal.over_quota("a limit of the account is reached"),
    }

    def __init__(self, context: ProviderContext) -> None:
        self._token = BearerToken(self._login, context.clock, apply=_with_token)
        super().__init__(context, token=self._token)
        self._dns = ""  # its URL, once it is known
        self._jobs = KeyedLocks()

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the domains with their ids."""
        found = await self.api.items(
            await self._url("domains"),
            _Domain,
            at="domains",
            paging=_PAGES,
        )
        return [(one.name, str(one.id)) for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        found = await self.api.items(
            await self._url(f"domains/{zone.id}/records"),
            _Record,
            at="records",
            query={"type": "TXT", "name": zone.record(name).text},
            paging=_PAGES,
        )
        return [StoredTxt(one.id, relative_name(one.name, zone), one.data) for one in found]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record and wait until it is there."""
        new = {
            "type": "TXT",
            "name": zone.record(record.name).text,
            "data": record.value,
            "ttl": record.ttl,
        }
        path = await self._url(f"domains/{zone.id}/records")
        async with self._jobs(zone.name):
            await self._finish(await self.api.send("POST", path, json={"records": [new]}))

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record and wait until it is gone."""
        path = await self._url(f"domains/{zone.id}/records/{stored.id}")
        async with self._jobs(zone.name):
            answer = await self.api.send("DELETE", path, expected=(200, 202, 404))
            if answer.status != 404:
                await self._finish(answer)

    async def _finish(self, answer: ApiAnswer) -> None:
        """Wait for a job. Raises for one that failed, and for one that does not end."""
        job = self.api.read(answer, _Job)
        for _ in range(_LOOKS):
            if job.status == "COMPLETED":
                return
            if job.status == "ERROR":
                raise _error_of(job.error)
            await self.sleep(1.0)
            path = await self._url(f"status/{job.job_id}")
            job = await self.api.get(path, _Job, query={"showDetails": "true"})
        raise ProviderUnavailableError("the change is still not done; try again later")

    async def _url(self, path: str) -> str:
        await self._token.get()
        return f"{self._dns}/{path}"

    async def _login(self) -> tuple[str, float]:
        key = {"username": self.fields["user"], "apiKey": self.fields["key"]}
        login = {"auth": {"RAX-KSKEY:apiKeyCredentials": key}}
        answer = await self.api.send("POST", "tokens", json=login, plain=True, repeatable=True)
        access = self.api.read(answer, _Login).access
        urls = [
            endpoint.public_url.rstrip("/")
            for service in access.service_catalog
            if service.type == "rax:dns"
            for endpoint in service.endpoints
        ]
        if not urls:
            raise ProviderError("the account has no Cloud DNS", changed_nothing=True)
        self._dns = urls[0]
        return access.token.id, (access.token.expires - self.now()).total_seconds()


def _error_of(error: _JobError) -> ProviderError:
    words = sanitize(error.details or error.message)
    if error.code == 404 or "duplicate" in error.details:
        return AlreadyDoneError(f"it is so already: {words}", changed_nothing=True)
    kind = ProviderQuotaError if error.code == 413 else ProviderError
    return kind(f"it did not do the change, it says: {words}", changed_nothing=True)


def _with_token(request: ApiRequest, token: str) -> ApiRequest:
    return request.with_headers({"X-Auth-Token": token})
