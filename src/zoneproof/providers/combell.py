"""The provider for Combell: records one by one, and requests signed with everything in them."""

from __future__ import annotations

import hashlib
import secrets
from base64 import b64encode
from typing import ClassVar
from urllib.parse import quote_plus, urlsplit

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.contract import Limits, ProviderInfo
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.signatures import hmac_sha256

_PAGES = Offset("take", 1000, word="skip", header="X-Paging-TotalResults")


class Combell(RecordsProvider):
    """Adds and deletes TXT records, found by their name relative to the domain."""

    info = ProviderInfo(
        slug="combell",
        title="Combell",
        homepage="https://api.combell.com/v2/documentation",
        fields=(
            token_field("key", "API key", secret=False),
            token_field("secret", "API secret"),
        ),
        key_url="https://my.combell.com/en/settings/api/users",
        api_url="https://api.combell.com/v2",
        limits=Limits(min_ttl=60),
        notes="The API is for reseller accounts. It works from the addresses only that are allowed"
        " in the control panel (Settings, API, IP restrictions).",
        least_privilege="A key belongs to an administrator of the account and may do everything"
        " with it: allow the address of this machine only.",
        name_servers=("ns?.combell.net",),
    )
    errors = ErrorBody(codes=("error_code",), messages=("error_text",))
    refusals: ClassVar[Refusals] = {
        403: Refusal.not_allowed(
            "the key does not allow this", "it works for resellers, and from allowed addresses only"
        ),
    }
    zone_list = ZoneList("domains", paging=_PAGES, name="domain_name")
    record_list = RecordList(
        "dns/{zone.name}/records",
        query={"type": "TXT", "record_name": "{name}"},
        name="record_name",
        paging=_PAGES,
        owner="{name}",
    )

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Sign the request."""
        time, nonce = str(int(self.now().timestamp())), secrets.token_hex(16)
        authorization = sign_combell(
            request, self.fields["key"], self.fields["secret"], nonce=nonce, time=time
        )
        return request.with_headers({"Authorization": authorization})


def sign_combell(request: ApiRequest, key: str, secret: str, *, nonce: str, time: str) -> str:
    """Return the Authorization header of a request; ``time`` is in seconds since 1970."""
    url = urlsplit(request.url)
    # The path begins with the version also where the API is behind a proxy's path.
    path = url.path[max(url.path.find("/v2/"), 0) :] + (f"?{url.query}" if url.query else "")
    body = b64encode(hashlib.md5(request.content).digest()).decode() if request.content else ""  # noqa: S324
    text = f"{key}{request.method.lower()}{quote_plus(path.lower())}{time}{nonce}{body}"
    signature = b64encode(hmac_sha256(secret.encode(), text)).decode()
    return f"hmac {key}:{signature}:{nonce}:{time}"
