"""The provider for SafeDNS of ANS, which was UKFast: records one by one, found by their name."""

from __future__ import annotations

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, ProviderInfo
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody

_PAGES = Numbered("per_page", 100, pages="meta.pagination.total_pages")


class Ukfast(RecordsProvider):
    """Adds and deletes TXT records, whose names are whole and whose values are quoted."""

    info = ProviderInfo(
        slug="ukfast",
        title="ANS SafeDNS",
        homepage="https://developers.ukfast.io/documentation/safedns",
        fields=(token_field("token", "key of an API application"),),
        key_url="https://my.ukfast.co.uk/applications/index.php",
        api_url="https://api.ukfast.io/safedns/v1",
        default_ttl=120,
        least_privilege="An API application of its own that may read and write SafeDNS, and nothing"
        " else; it works for all zones of the account.",
        name_servers=("ns?.ukfast.net",),
        aliases=(
            Alias("certbot", "dns_safedns", {"auth_token": "token"}),
            Alias("lego", "safedns", {"SAFEDNS_AUTH_TOKEN": "token"}),
        ),
    )
    headers = "Authorization: {token}"
    errors = ErrorBody(codes=("errors.0.title",), messages=("errors.0.detail", "message"))
    zone_list = ZoneList("zones", at="data", paging=_PAGES)
    record_list = RecordList(
        "zones/{zone.name}/records",
        at="data",
        query={"type:eq": "TXT", "name:eq": "{whole}"},
        paging=_PAGES,
        quoted=True,
        owner="{whole}",
    )
