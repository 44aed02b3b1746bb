"""The provider for Timeweb Cloud's DNS: records one by one, of the whole zone."""

from __future__ import annotations

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.expiring_key import ExpiringJwt
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody

_PAGES = Offset("limit", 100)


class Timeweb(ExpiringJwt, RecordsProvider):
    """Adds and deletes TXT records, by version 2 of the API; only version 1 can list them."""

    info = ProviderInfo(
        slug="timeweb",
        title="Timeweb Cloud",
        homepage="https://timeweb.cloud/api-docs",
        fields=(token_field("token", "API token"),),
        key_url="https://timeweb.cloud/my/api-keys",
        key_expiry="if the token has an end",
        api_url="https://api.timeweb.cloud/api",
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-\[\]-~]+", has_ttl=False),
        notes="Made from the service's own client and two others, without recorded exchanges.",
        least_privilege="A token for this program alone, for the project with the domains if there"
        " are several, and with an end.",
        name_servers=("ns?.timeweb.ru", "ns?.timeweb.org"),
        aliases=(
            Alias("acme.sh", "dns_timeweb", {"TW_Token": "token"}),
            Alias("lego", "timewebcloud", {"TIMEWEBCLOUD_AUTH_TOKEN": "token"}),
        ),
    )
    headers = "Authorization: Bearer {token}"
    by_name = False
    errors = ErrorBody(codes=("error_code",), messages=("message",))
    zone_list = ZoneList("v1/domains", at="domains", name="fqdn", paging=_PAGES)
    record_list = RecordList(
        "v1/domains/{zone.name}/dns-records",
        at="dns_records",
        name="data.subdomain",
        value="data.value",
        optional=("data.subdomain",),  # which the zone itself has not
        paging=_PAGES,
        changes="v2/domains/{whole}/dns-records",
        new={"type": "TXT", "value": "{value}"},
    )
