"""The provider for IONOS's hosting DNS: records one by one, found by their whole name."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_NEW = {"name": "{whole}", "type": "TXT", "content": "{value}", "ttl": "{ttl}"}


class Ionos(RecordsProvider):
    """Adds and deletes TXT records; values are sent bare and come back in quotes."""

    info = ProviderInfo(
        slug="ionos",
        title="IONOS",
        homepage="https://developer.hosting.ionos.com/docs/dns",
        fields=(
            token_field("prefix", "public prefix of the API key", secret=False),
            token_field("secret", "secret of the API key"),
            ZONE_ID,
        ),
        key_url="https://developer.hosting.ionos.com/docs/getstarted",
        api_url="https://api.hosting.ionos.com/dns/v1",
        limits=Limits(min_ttl=60),
        notes="This is the API for domains of IONOS's hosting; IONOS Cloud DNS is another service.",
        least_privilege="Keys cannot be limited: one works for all domains of the contract. Make"
        " one for Zoneproof alone, so that it can be withdrawn alone.",
        name_servers=tuple(f"ns????.ui-dns.{end}" for end in ("de", "com", "org", "biz")),
        aliases=(
            Alias("certbot", "dns-ionos", {"prefix": "prefix", "secret": "secret"}),
            Alias("acme.sh", "dns_ionos", {"IONOS_PREFIX": "prefix", "IONOS_SECRET": "secret"}),
            Alias("lego", "ionos", {"IONOS_API_KEY": "prefix.secret"}),
        ),
    )
    headers = "X-API-Key: {prefix}.{secret}"
    errors = ErrorBody(codes=("0.code",), messages=("0.message", "message"))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key("it does not accept the key", "check prefix and secret"),
    }
    zone_list = ZoneList("zones", id="id")
    record_list = RecordList(
        "zones/{zone.id}",
        at="records",
        query={"recordName": "{whole}", "recordType": "TXT"},
        quoted=True,
        changes="zones/{zone.id}/records",
        new=[{**_NEW, "prio": 0, "disabled": False}],
    )
