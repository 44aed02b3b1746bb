"""The provider for Selectel's old DNS hosting: version 1 of the API, with a static token."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_PAGES = Offset("limit", 50)


class SelectelV1(RecordsProvider):
    """Adds and deletes TXT records of a domain, whose records are listed as a whole."""

    info = ProviderInfo(
        slug="selectel-v1",
        title="Selectel (legacy)",
        homepage="https://docs.selectel.com/cloud-services/dns-hosting/dns_hosting/",
        fields=(token_field("token", "Selectel token (X-Token)"), ZONE_ID),
        key_url="https://my.selectel.ru/profile/apikeys",
        api_url="https://api.selectel.ru/domains/v1",
        limits=Limits(value_pattern="[A-Za-z0-9_.:=+/-]{1,255}", min_ttl=60),
        notes="Only for zones of the old hosting, which other clients call deprecated (2026); all"
        " others are changed with `selectel`. Values are limited to what clients are known to have"
        " written.",
        least_privilege="The token may do everything with the account.",
        name_servers=("ns?.selectel.org",),
        aliases=(
            Alias("certbot", "dns-selectel", {"api_key": "token"}),
            Alias("lego", "selectel", {"SELECTEL_API_TOKEN": "token"}),
        ),
    )
    headers = "X-Token: {token}"
    errors = ErrorBody(messages=("error",))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept the token",
            "zones that are not of the old hosting are changed with the provider selectel",
        ),
    }
    by_name = False
    zone_list = ZoneList("/", paging=_PAGES, id="id")
    record_list = RecordList("{zone.id}/records/", paging=_PAGES, owner="{whole}")
