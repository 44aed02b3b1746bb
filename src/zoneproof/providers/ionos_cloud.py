"""The provider for IONOS Cloud DNS: records one by one, which take a while to come and go."""

from __future__ import annotations

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.expiring_key import ExpiringJwt
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody

_PAGES = Offset("limit", 1000)
_NEW = {"name": "{host}", "type": "TXT", "content": "{value}", "ttl": "{ttl}", "enabled": True}


class IonosCloud(ExpiringJwt, RecordsProvider):
    """Adds and deletes TXT records, found among all records of the account by their zone."""

    info = ProviderInfo(
        slug="ionos-cloud",
        title="IONOS Cloud DNS",
        homepage="https://docs.ionos.com/cloud/network-services/cloud-dns",
        fields=(token_field("token", "API token"), ZONE_ID),
        key_url="https://dcd.ionos.com/latest/?dcd=#token-management",
        key_expiry="whatever it may do",
        api_url="https://dns.de-fra.ionos.com",
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-\[\]-~]+", min_ttl=60),
        notes="Domains at IONOS's web hosting have another API, and are changed with `ionos`. Made"
        " from the service's own client (2025) and two others (2026), without recorded exchanges.",
        least_privilege="A token of a user of its own, in a group that may access and manage DNS;"
        " tokens last at most a year.",
        name_servers=("ns-ic.ui-dns.*",),
        aliases=(
            Alias("acme.sh", "dns_ionos_cloud", {"IONOS_TOKEN": "token"}),
            Alias("lego", "ionoscloud", {"IONOSCLOUD_API_TOKEN": "token"}),
        ),
    )
    headers = "Authorization: Bearer {token}"
    errors = ErrorBody(codes=("messages.0.errorCode",), messages=("messages.0.message",))
    zone_list = ZoneList("zones", at="items", name="properties.zoneName", id="id", paging=_PAGES)
    record_list = RecordList(
        "records",
        at="items",
        query={"filter.zoneId": "{zone.id}", "filter.type": "TXT", "filter.name": "{name}"},
        name="properties.name",
        value="properties.content",
        only={"properties.type": "TXT"},
        without={"metadata.state": "DESTROYING"},  # it is going
        changes="zones/{zone.id}/records",
        paging=_PAGES,
        new={"properties": _NEW},
    )
