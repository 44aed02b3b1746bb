"""The provider for Exoscale: records of a zone, read as a whole, and operations to wait for."""

from __future__ import annotations

import base64
import hmac
from typing import ClassVar
from urllib.parse import parse_qsl, urlsplit

import msgspec

from zoneproof.core.errors import ProviderError, ProviderUnavailableError
from zoneproof.providers.api_client import ApiAnswer
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_GOOD_FOR = 600  # seconds that a signature is good for
_LOOKS = 10  # at an operation that is not done yet, one each second


class _Operation(msgspec.Struct):
    id: str
    state: str
    reason: str = ""
    message: str = ""


class Exoscale(RecordsProvider):
    """Adds and deletes TXT records, each of which is an operation that may take a while."""

    info = ProviderInfo(
        slug="exoscale",
        title="Exoscale",
        homepage="https://openapi-v2.exoscale.com/",
        fields=(
            token_field("api_key", "API key, which begins with EXO", secret=False),
            token_field("api_secret", "secret of the API key"),
            ZONE_ID,
        ),
        key_url="https://portal.exoscale.com/iam/keys",
        api_url="https://api-ch-gva-2.exoscale.com/v2",
        limits=Limits(value_pattern=r"[ !#-\[\]-~]+"),
        notes="Values with a quote or a backslash, and empty ones, are not written: dnscontrol"
        " found in May 2026 that they are changed. The recorded exchanges are of the former API"
        " (2019), so that nothing was compared with them.",
        least_privilege="An IAM role whose policy denies all services but `dns`, and of that"
        " allows the operations `list-dns-domains`, `list-dns-domain-records`,"
        " `create-dns-domain-record`, `delete-dns-domain-record` and `get-operation`.",
        name_servers=("ns1.exoscale.*",),
        aliases=(
            Alias(
                "acme.sh",
                "dns_exoscale",
                {"EXOSCALE_API_KEY": "api_key", "EXOSCALE_SECRET_KEY": "api_secret"},
            ),
            Alias(
                "lego",
                "exoscale",
                {
                    "EXOSCALE_API_KEY": "api_key",
                    "EXOSCALE_API_SECRET": "api_secret",
                    "EXOSCALE_ENDPOINT": "api_url",
                },
            ),
        ),
    )
    by_name = False
    errors = ErrorBody(messages=("message", "error", "detail", "title"))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept the key", "check api_key and api_secret, and this machine's clock"
        ),
        403: Refusal.not_allowed("the key's role does not allow this"),
    }
    record_list = RecordList("dns-domain/{zone.id}/record", at="dns-domain-records", quoted=True)
    zone_list = ZoneList("dns-domain", at="dns-domains", name="unicode-name", id="id")

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the domain."""
        new = {"name": record.name, "type": "TXT", "content": record.value, "ttl": record.ttl}
        path = f"dns-domain/{zone.id}/record"
        await self._done(await self.api.send("POST", path, json=new))

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        path = f"dns-domain/{zone.id}/record/{stored.id}"
        answer = await self.api.send("DELETE", path, expected=(200, 404))
        if answer.status == 200:
            await self._done(answer)

    async def _done(self, answer: ApiAnswer) -> None:
        """Wait until the operation is done. Raises ProviderError if it fails."""
        operation = self.api.read(answer, _Operation)
        for _ in range(_LOOKS):
            if operation.state != "pending":
                break
            await self.sleep(1.0)
            operation = await self.api.get(f"operation/{operation.id}", _Operation)
        if operation.state == "pending":
            raise ProviderUnavailableError("it has not done it yet; try again")
        if operation.state != "success":
            raise ProviderError(
                f"it could not do it ({operation.reason}), it says: {operation.message}"
            )

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Sign the request."""
        expires = int(self.now().timestamp()) + _GOOD_FOR
        return sign_exo2(request, self.fields["api_key"], self.fields["api_secret"], expires)


def sign_exo2(request: ApiRequest, key: str, secret: str, expires: int) -> ApiRequest:
    """Return a request with an EXO2-HMAC-SHA256 signature, good until ``expires`` (since 1970)."""
    parts = urlsplit(request.url)
    query = sorted(parse_qsl(parts.query))
    names = ";".join(name for name, _ in query)
    words = (
        f"{request.method} {parts.path}",
        request.content.decode(),
        "".join(value for _, value in query),
        "",
        str(expires),
    )
    digest = hmac.digest(secret.encode(), "\n".join(words).encode(), "sha256")
    pragmas = [f"EXO2-HMAC-SHA256 credential={key}"]
    pragmas += [f"signed-query-args={names}"] if names else []
    pragmas += [f"expires={expires}", f"signature={base64.b64encode(digest).decode()}"]
    return request.with_headers({"Authorization": ",".join(pragmas)})
