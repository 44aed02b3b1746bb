"""The provider for Websupport: records one by one, of the whole zone, requests signed by time."""

from __future__ import annotations

import base64
from urllib.parse import urlsplit

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.contract import Alias, ProviderInfo
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody
from zoneproof.providers.signatures import hmac_sha1

_PAGES = Numbered("rowsPerPage", 100)


class Websupport(RecordsProvider):
    """Adds and deletes TXT records, values as they are.

    Zones are listed by version 1 of the API, records are those of version 2. Names are whole when
    they are read, and relative when they are written.
    """

    info = ProviderInfo(
        slug="websupport",
        title="Websupport",
        homepage="https://rest.websupport.sk/v2/docs",
        fields=(
            token_field("api_key", "API key, which is called identifier too"),
            token_field("secret", "secret key"),
            ZONE_ID,
        ),
        key_url="https://admin.websupport.sk/en/auth/apiKey",
        api_url="https://rest.websupport.sk",
        default_ttl=120,
        notes="Requests are signed with the time: this machine's clock has to be right.",
        least_privilege="A key may do everything with the account; keep it on this machine only.",
        name_servers=("ns?.websupport.sk",),
        aliases=(
            Alias("certbot", "dns-websupport", {"identifier": "api_key", "secret_key": "secret"}),
            Alias("acme.sh", "dns_websupport", {"WS_ApiKey": "api_key", "WS_ApiSecret": "secret"}),
            Alias(
                "lego",
                "websupport",
                {"WEBSUPPORT_API_KEY": "api_key", "WEBSUPPORT_SECRET": "secret"},
            ),
        ),
    )
    headers = "Accept: application/json"
    by_name = False
    errors = ErrorBody(codes=("type",), messages=("title", "message"))
    zone_list = ZoneList("v1/user/self/zone", at="items", id="id", optional=("name",))
    record_list = RecordList("v2/service/{zone.id}/dns/record", at="data", paging=_PAGES)

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Sign the request."""
        now = self.now()
        path = urlsplit(request.url).path
        text = f"{request.method} {path} {int(now.timestamp())}"
        signature = hmac_sha1(self.fields["secret"], text).hex()
        login = base64.b64encode(f"{self.fields['api_key']}:{signature}".encode()).decode()
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")  # the header of version 1, and of version 2
        return request.with_headers(
            {"Authorization": f"Basic {login}", "Date": stamp, "X-Date": stamp}
        )
