"""The provider for Vultr's DNS: records one by one, of the whole zone."""

from __future__ import annotations

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import ErrorBody

_PAGES = NextWord("per_page", 500, at="meta.links.next", word="cursor")
_NEW = {"type": "TXT", "name": "{name}", "data": '"{value}"', "ttl": "{ttl}"}


class Vultr(RecordsProvider):
    """Adds and deletes TXT records. The API takes the same one twice."""

    info = ProviderInfo(
        slug="vultr",
        title="Vultr",
        homepage="https://docs.vultr.com/products/network/dns",
        fields=(token_field("api_key", "API key"),),
        key_url="https://my.vultr.com/settings/#settingsapi",
        api_url="https://api.vultr.com/v2",
        limits=Limits(value_pattern=r"[ !#-\[\]-~]*"),
        notes="The service holds no quotes in a value; what it makes of backslashes and of letters"
        " that are not ASCII is not described. Under Access Control of the API the address of this"
        " machine has to be allowed.",
        least_privilege="An API key may do everything that its user may: make a sub-user with the"
        " permission Manage DNS and with API access, and allow only this machine's address.",
        name_servers=("ns?.vultr.com",),
        aliases=(
            Alias("certbot", "dns-vultr", {"key": "api_key"}),
            Alias("acme.sh", "dns_vultr", {"VULTR_API_KEY": "api_key"}),
            Alias("lego", "vultr", {"VULTR_API_KEY": "api_key"}),
        ),
    )
    headers = "Authorization: Bearer {api_key}"
    by_name = False
    errors = ErrorBody(messages=("error",))
    zone_list = ZoneList("domains", at="domains", paging=_PAGES, name="domain")
    record_list = RecordList(
        "domains/{zone.name}/records",
        at="records",
        paging=_PAGES,
        value="data",
        quoted=True,
        new={**_NEW, "priority": 0},
    )
