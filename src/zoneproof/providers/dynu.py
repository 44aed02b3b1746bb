"""The provider for Dynu: records one by one, all of a zone in one list."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.refusals import WRONG_KEY, ErrorBody, Refusal, Refusals

_ARGUMENT = "Argument Exception"
_NEW = {"nodeName": "{name}", "recordType": "TXT", "textData": "{value}", "ttl": "{ttl}"}


class Dynu(RecordsProvider):
    """Adds and deletes TXT records; the domain itself is the empty node."""

    info = ProviderInfo(
        slug="dynu",
        title="Dynu",
        homepage="https://www.dynu.com",
        fields=(token_field("key", "API key"), ZONE_ID),
        key_url="https://www.dynu.com/en-US/ControlPanel/APICredentials",
        api_url="https://api.dynu.com/v2",
        default_ttl=300,
        limits=Limits(min_ttl=90),
        notes="Free accounts have 4 records for a domain, so a wildcard beside its domain needs"
        " two of them. acme.sh uses client id and secret of the same page; here it is the API key.",
        least_privilege="The key is that of the account, for all its domains; it can be changed"
        " on the page where it stands.",
        name_servers=("ns*.dynu.com",),
        aliases=(
            Alias("certbot", "dns-dynu", {"auth_token": "key"}),
            Alias("acme.sh", "dns_dynu"),
            Alias("lego", "dynu", {"DYNU_API_KEY": "key"}),
        ),
    )
    headers = "API-Key: {key}\nAccept: application/json"
    by_name = False
    errors = ErrorBody(codes=("type",), messages=("message",), success=("statusCode", 200))
    refusals: ClassVar[Refusals] = {
        "Authentication Exception": WRONG_KEY,
        "Quota Exception": Refusal.over_quota(
            "no more records are allowed", "remove one, or become a member"
        ),
    }
    zone_list = ZoneList("dns", at="domains", id="id")
    record_list = RecordList(
        "dns/{zone.id}/record",
        at="dnsRecords",
        name="hostname",
        value="textData",
        only={"recordType": "TXT"},
        also={
            _ARGUMENT: Refusal.no_zone("it does not know the domain, or not for this key"),
        },
        new={**_NEW, "state": True},
    )
