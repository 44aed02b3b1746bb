"""The provider for IBM Cloud Internet Services: zones of an instance, tokens made of API keys."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote, urljoin

import msgspec

from zoneproof.core.errors import ProviderCredentialsError, ProviderZoneError
from zoneproof.providers.api_provider import ZONE_ID, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import (
    CredentialField,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.expiring_key import ExpiringKey
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusal, Refusals
from zoneproof.providers.txt_text import unquote_txt

_PAGES = Numbered("per_page", 100)


class _Zone(msgspec.Struct):
    id: str
    name: str


class _Record(msgspec.Struct):
    id: str
    name: str
    content: str


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 3600.0


class _ApiKey(msgspec.Struct):
    expires_at: str | None = None


class IbmCis(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records, found by their whole name."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="ibm-cis",
        title="IBM Cloud Internet Services",
        homepage="https://cloud.ibm.com/apidocs/cis",
        fields=(
            token_field("key", "API key of a service id or a user"),
            token_field("crn", "CRN of the instance of Cloud Internet Services", secret=False),
            ZONE_ID,
            CredentialField(
                "auth_url",
                "where tokens are made; another one for a proxy or a test",
                default="https://iam.cloud.ibm.com/identity",
                url=True,
                rare=True,
            ),
        ),
        key_url="https://cloud.ibm.com/iam/apikeys",
        key_expiry="whatever it may do",
        api_url="https://api.cis.cloud.ibm.com/v1",
        default_ttl=120,
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-\[\]-~]+", min_ttl=120),
        notes="Made from IBM's own client and documentation, without recorded exchanges. Zones of"
        " the classic infrastructure are changed with `ibm`.",
        least_privilege="A service id with a policy for this one instance of Internet Services, and"
        " for the domain if there are others, that may manage DNS.",
        name_servers=("ns???.name.cloud.ibm.com",),
    )
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("errors.0.code", "errorCode"), messages=("errors.0.message", "errorMessage")
    )
    refusals: ClassVar[Refusals] = {
        "BXNIM0415E": Refusal(
            ProviderCredentialsError, "it does not accept the API key", "make another one"
        ),
        404: Refusal(
            ProviderZoneError, "it does not have the zone", "check the field crn and the zone's id"
        ),
        "81058": ALREADY,  # as of Cloudflare, which stands behind it
    }

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context, token=BearerToken(self._login, context.clock))
        self._zones = f"{quote(context.fields['crn'], safe=':')}/zones"

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the instance's zones with their ids."""
        found = await self.api.items(
            self._zones,
            _Zone,
            at="result",
            paging=_PAGES,
        )
        return [(one.name, one.id) for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        query = {"type": "TXT", "name": zone.record(name).text}
        found = await self.api.items(
            f"{self._zones}/{zone.id}/dns_records",
            _Record,
            at="result",
            query=query,
            paging=_PAGES,
        )
        return [
            StoredTxt(one.id, relative_name(one.name, zone), unquote_txt(one.content))
            for one in found
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record with its whole name."""
        new = {
            "name": zone.record(record.name).text,
            "type": "TXT",
            "content": record.value,
            "ttl": record.ttl,
        }
        await self.api.send("POST", f"{self._zones}/{zone.id}/dns_records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"{self._zones}/{zone.id}/dns_records/{stored.id}")

    async def key_end(self) -> str | None:
        """Return when the API key expires, as the service tells that makes tokens of it."""
        url = urljoin(self.fields["auth_url"], "/v1/apikeys/details")
        found = await self.api.get(url, _ApiKey, headers={"IAM-ApiKey": self.fields["key"]})
        return found.expires_at

    async def _login(self) -> tuple[str, float]:
        form = {
            "grant_type": "urn:ibm:params:oauth:grant-type:apikey",
            "apikey": self.fields["key"],
        }
        url = f"{self.fields['auth_url'].rstrip('/')}/token"
        answer = await self.api.send("POST", url, form=form, plain=True, repeatable=True)
        token = self.api.read(answer, _Token)
        return token.access_token, token.expires_in
