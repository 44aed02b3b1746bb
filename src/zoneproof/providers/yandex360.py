"""The provider for domains in Yandex 360: records one by one, of the whole zone."""

from __future__ import annotations

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody

_PAGES = Numbered("perPage", 50, pages="pages")


class Yandex360(RecordsProvider):
    """Adds and deletes TXT records; values are not quoted."""

    info = ProviderInfo(
        slug="yandex360",
        title="Yandex 360",
        homepage="https://yandex.ru/dev/api360/doc/ru/ref/DomainDNSService/",
        fields=(
            token_field("token", "OAuth token of an administrator of the organization"),
            token_field("org_id", "number of the organization", secret=False),
        ),
        key_url="https://oauth.yandex.ru",
        api_url="https://api360.yandex.net/directory/v1",
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-\[\]-~]+", min_ttl=60),
        notes="Zones in Yandex Cloud are changed with `yandex`. OAuth tokens last at most a year:"
        " note the date. Made from the API reference and three clients, without recorded"
        " exchanges.",
        least_privilege="An OAuth application with `directory:manage_dns` and"
        " `directory:read_domains`; its token works for all domains of the organization.",
        name_servers=("dns?.yandex.net",),
        aliases=(
            Alias(
                "acme.sh",
                "dns_yandex360",
                {"YANDEX360_ACCESS_TOKEN": "token", "YANDEX360_ORG_ID": "org_id"},
            ),
            Alias(
                "lego",
                "yandex360",
                {"YANDEX360_OAUTH_TOKEN": "token", "YANDEX360_ORG_ID": "org_id"},
            ),
        ),
    )
    headers = "Authorization: OAuth {token}"
    by_name = False
    errors = ErrorBody(messages=("message",))
    zone_list = ZoneList("org/{org_id}/domains", at="domains", paging=_PAGES)
    record_list = RecordList(
        "org/{org_id}/domains/{zone.name}/dns",
        at="records",
        id="recordId",
        value="text",
        optional=("name",),
        paging=_PAGES,
    )
