"""The provider for DigitalOcean's DNS: records one by one, found by their whole name."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import NextUrl
from zoneproof.providers.refusals import SLOWER, ErrorBody, Refusals

_PAGES = NextUrl("per_page", 200, at="links.pages.next")


class DigitalOcean(RecordsProvider):
    """Adds and deletes TXT records. The API takes the same one twice."""

    info = ProviderInfo(
        slug="digitalocean",
        title="DigitalOcean",
        homepage="https://docs.digitalocean.com/products/networking/dns/",
        fields=(token_field("token", "personal access token"),),
        key_url="https://cloud.digitalocean.com/account/api/tokens",
        api_url="https://api.digitalocean.com/v2",
        limits=Limits(value_bytes=255, value_pattern=r"[^\\]*", min_ttl=30),
        notes="The service takes no backslash in a value, nor values much longer than 255 bytes.",
        least_privilege="A token with the custom scopes `domain:read`, `domain:create` and"
        " `domain:delete`; it works for all domains of the team. Give it a date of expiry.",
        name_servers=("ns?.digitalocean.com",),
        aliases=(
            Alias("certbot", "dns-digitalocean", {"token": "token"}),
            Alias("acme.sh", "dns_dgon", {"DO_API_KEY": "token"}),
            Alias("lego", "digitalocean", {"DO_AUTH_TOKEN": "token", "DO_API_URL": "api_url"}),
        ),
    )
    headers = "Authorization: Bearer {token}"
    errors = ErrorBody(codes=("id",), messages=("message",))
    refusals: ClassVar[Refusals] = {
        "too_many_requests": SLOWER,
    }
    zone_list = ZoneList("domains", at="domains", paging=_PAGES)
    record_list = RecordList(
        "domains/{zone.name}/records",
        at="domain_records",
        query={"type": "TXT", "name": "{whole}"},
        paging=_PAGES,
        value="data",
    )
