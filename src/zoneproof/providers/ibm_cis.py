"""The provider for IBM Cloud Internet Services: zones of an instance, tokens made of API keys."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urljoin

import msgspec

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import Limits, ProviderContext, ProviderInfo
from zoneproof.providers.expiring_key import ExpiringKey
from zoneproof.providers.fields import ZONE_ID, token_field, url_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusal, Refusals

_PAGES = Numbered("per_page", 100)


class _Token(msgspec.Struct):
    access_token: str
    expires_in: float = 3600.0


class _ApiKey(msgspec.Struct):
    expires_at: str | None = None


class IbmCis(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records, found by their whole name."""

    info = ProviderInfo(
        slug="ibm-cis",
        title="IBM Cloud Internet Services",
        homepage="https://cloud.ibm.com/apidocs/cis",
        fields=(
            token_field("key", "API key of a service id or a user"),
            token_field("crn", "CRN of the instance of Cloud Internet Services", secret=False),
            ZONE_ID,
            url_field(
                "auth_url",
                "where tokens are made; another one for a proxy or a test",
                "https://iam.cloud.ibm.com/identity",
            ),
        ),
        key_url="https://cloud.ibm.com/iam/apikeys",
        key_expiry="whatever it may do",
        api_url="https://api.cis.cloud.ibm.com/v1",
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-\[\]-~]+", min_ttl=120),
        notes="Made from IBM's own client and documentation, without recorded exchanges. Zones of"
        " the classic infrastructure are changed with `ibm`.",
        least_privilege="A service id with a policy for this one instance of Internet Services, and"
        " for the domain if there are others, that may manage DNS.",
        name_servers=("ns???.name.cloud.ibm.com",),
    )
    errors = ErrorBody(
        codes=("errors.0.code", "errorCode"), messages=("errors.0.message", "errorMessage")
    )
    refusals: ClassVar[Refusals] = {
        "BXNIM0415E": Refusal.wrong_key("it does not accept the API key", "make another one"),
        404: Refusal.no_zone("it does not have the zone", "check the field crn and the zone's id"),
        "81058": ALREADY,  # as of Cloudflare, which stands behind it
    }
    zone_list = ZoneList("{crn}/zones", at="result", id="id", paging=_PAGES)
    record_list = RecordList(
        "{crn}/zones/{zone.id}/dns_records",
        at="result",
        query={"type": "TXT", "name": "{whole}"},
        quoted=True,
        paging=_PAGES,
        new={"name": "{whole}", "type": "TXT", "content": "{value}", "ttl": "{ttl}"},
    )

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context, token=BearerToken(self._login, context.clock))

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
