"""The provider for bunny.net's DNS: records one by one, of the whole zone."""

from __future__ import annotations

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody

_PAGES = Numbered("perPage", 100)  # of zones, which come with all their records
_TXT = 3  # what the API calls the type


class Bunny(RecordsProvider):
    """Adds and deletes TXT records; a zone comes with all its records, values not quoted."""

    info = ProviderInfo(
        slug="bunny",
        title="bunny.net",
        homepage="https://docs.bunny.net/reference/bunnynet-api-overview",
        fields=(token_field("api_key", "API key of the account"), ZONE_ID),
        key_url="https://dash.bunny.net/account/api-key",
        api_url="https://api.bunny.net",
        limits=Limits(min_ttl=60),
        least_privilege="The account's key may do everything. A key of a sub-user that may use DNS"
        " only is narrower.",
        name_servers=("kiki.bunny.net", "coco.bunny.net"),
        aliases=(
            Alias("certbot", "dns-bunny", {"api_key": "api_key"}),
            Alias("acme.sh", "dns_bunny", {"BUNNY_API_KEY": "api_key"}),
            Alias("lego", "bunny", {"BUNNY_API_KEY": "api_key"}),
        ),
    )
    headers = "AccessKey: {api_key}"
    by_name = False
    max_body = 32 * 1024 * 1024  # of a page of zones with their records
    adds = "PUT"  # which is not the same twice here as once
    errors = ErrorBody(codes=("ErrorKey",), messages=("Message",))
    zone_list = ZoneList("dnszone", at="Items", paging=_PAGES, name="Domain", id="Id")
    record_list = RecordList(
        "dnszone/{zone.id}",
        at="Records",
        id="Id",
        name="Name",
        value="Value",
        only={"Type": _TXT},
        optional=("Name",),
        changes="dnszone/{zone.id}/records",
        new={"Type": _TXT, "Name": "{host}", "Value": "{value}", "Ttl": "{ttl}"},
    )
