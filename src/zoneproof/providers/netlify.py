"""The provider for Netlify's DNS: records one by one, of the whole zone."""

from __future__ import annotations

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, ProviderInfo
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.refusals import ErrorBody


class Netlify(RecordsProvider):
    """Adds and deletes TXT records, whose names are whole and whose values are not quoted."""

    info = ProviderInfo(
        slug="netlify",
        title="Netlify",
        homepage="https://docs.netlify.com/manage/domains/configure-domains/netlify-dns/",
        fields=(token_field("token", "personal access token"), ZONE_ID),
        key_url="https://app.netlify.com/user/applications#personal-access-tokens",
        api_url="https://api.netlify.com/api/v1",
        notes="The API allows 500 requests in a minute. What it answers to a token without a right"
        " is not described. The name servers are NS1's.",
        least_privilege="A token may do everything that its user may: make one of a user who is in"
        " a team with nothing but the DNS zones, and give it a date of expiry.",
        name_servers=("dns?.p*.nsone.net",),
        aliases=(
            Alias("acme.sh", "dns_netlify", {"NETLIFY_ACCESS_TOKEN": "token"}),
            Alias("lego", "netlify", {"NETLIFY_TOKEN": "token"}),
        ),
    )
    headers = "Authorization: Bearer {token}"
    by_name = False
    errors = ErrorBody(messages=("message",))
    zone_list = ZoneList("dns_zones", id="id")
    record_list = RecordList(
        "dns_zones/{zone.id}/dns_records", name="hostname", value="value", owner="{whole}"
    )
