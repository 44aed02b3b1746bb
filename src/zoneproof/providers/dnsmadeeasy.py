"""The provider for DNS Made Easy: records one by one, and requests whose date is signed."""

from __future__ import annotations

from email.utils import format_datetime
from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ALREADY, SLOWER, ErrorBody, Refusal, Refusals
from zoneproof.providers.signatures import hmac_sha1

_PAGES = Numbered(start=0, pages="totalPages")
_NEW = {"type": "TXT", "name": "{name}", "value": "{value}", "ttl": "{ttl}"}


class DnsMadeEasy(RecordsProvider):
    """Adds and deletes TXT records; values are sent bare and come back in quotes.

    The same one twice is refused, which is fine.
    """

    info = ProviderInfo(
        slug="dnsmadeeasy",
        title="DNS Made Easy",
        homepage="https://dnsmadeeasy.com",
        fields=(
            token_field("key", "API key", secret=False),
            token_field("secret", "secret key"),
            ZONE_ID,
        ),
        key_url="https://dnsmadeeasy.com/account/info",
        api_url="https://api.dnsmadeeasy.com/V2.0",
        limits=Limits(value_pattern=r'[^"]*'),  # as dnscontrol found in 2021
        notes="The service takes 150 requests in five minutes. The clock of this machine must be"
        " right to half a minute. For the sandbox, set `api_url` to"
        " `https://api.sandbox.dnsmadeeasy.com/V2.0`. The recorded exchanges that this was compared"
        " with are of 2018.",
        least_privilege="Keys cannot be limited to domains: make a user of the account for"
        " Zoneproof, with permissions for the domains in question only, and use that user's keys.",
        name_servers=("ns?.dnsmadeeasy.com", "ns??.dnsmadeeasy.com", "ns??.digicertdns.*"),
        aliases=(
            Alias("certbot", "dns-dnsmadeeasy", {"api_key": "key", "secret_key": "secret"}),
            Alias("acme.sh", "dns_me", {"ME_Key": "key", "ME_Secret": "secret"}),
            Alias(
                "lego",
                "dnsmadeeasy",
                {"DNSMADEEASY_API_KEY": "key", "DNSMADEEASY_API_SECRET": "secret"},
                choices={
                    "DNSMADEEASY_SANDBOX": {
                        "true": "api_url=https://api.sandbox.dnsmadeeasy.com/V2.0",
                        "false": "",
                    }
                },
            ),
        ),
    )
    at_once = 4
    by_name = False
    errors = ErrorBody(
        messages=("error.0", "error"), phrases=("rate limit exceeded", "already exists")
    )
    refusals: ClassVar[Refusals] = {
        403: Refusal.wrong_key(
            "it does not accept the keys, or not with this machine's time",
            "check key, secret and the clock",
        ),
        "rate limit exceeded": SLOWER,
        "already exists": ALREADY,
    }
    zone_list = ZoneList("dns/managed", at="data", id="id", paging=_PAGES)
    # The service's filter is for a name and a type together; requests are rationed.
    record_list = RecordList(
        "dns/managed/{zone.id}/records",
        at="data",
        value="value",
        quoted=True,
        changes="dns/managed/{zone.id}/records/",
        paging=_PAGES,
        new={**_NEW, "gtdLocation": "DEFAULT"},
    )

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Sign the request."""
        date = format_datetime(self.now(), usegmt=True)
        return request.with_headers(
            {
                "x-dnsme-apiKey": self.fields["key"],
                "x-dnsme-requestDate": date,
                "x-dnsme-hmac": hmac_sha1(self.fields["secret"], date).hex(),
            }
        )
