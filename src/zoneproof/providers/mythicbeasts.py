"""The provider for Mythic Beasts: records one by one, known by their data."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusal, Refusals

_NEW = {"host": "{host}", "type": "TXT", "data": "{value}", "ttl": "{ttl}"}
_UNKNOWN = Refusal.no_zone("it does not know the zone, or not for this key")


class MythicBeasts(RecordsProvider):
    """Writes to the URL of a host's TXT records, which a restricted key may do too."""

    info = ProviderInfo(
        slug="mythicbeasts",
        title="Mythic Beasts",
        homepage="https://www.mythic-beasts.com",
        fields=(
            token_field("key", "API key ID", secret=False),
            token_field("secret", "its secret"),
        ),
        key_url="https://www.mythic-beasts.com/customer/api-users",
        api_url="https://api.mythic-beasts.com/dns/v2",
        default_ttl=120,
        limits=Limits(value_pattern=r"[ !#-\[\]-~]+"),
        notes="The keys are those of the DNS API v2.",
        least_privilege="A key restricted to the zone, and there to TXT records at the"
        " `_acme-challenge` names.",
        name_servers=("ns?.mythic-beasts.com",),
        aliases=(
            Alias("acme.sh", "dns_mythic_beasts", {"MB_AK": "key", "MB_AS": "secret"}),
            Alias(
                "lego",
                "mythicbeasts",
                {"MYTHICBEASTS_USERNAME": "key", "MYTHICBEASTS_PASSWORD": "secret"},
            ),
        ),
    )
    login = ("key", "secret")
    errors = ErrorBody(messages=("errors.0", "error_description", "error"))
    refusals: ClassVar[Refusals] = {409: ALREADY}
    zone_list = ZoneList("zones", at="zones", name="")
    record_list = RecordList(
        "zones/{zone.name}/records",
        at="records",
        query={"type": "TXT", "host": "{host}"},
        id="",
        name="host",
        value="data",
        only={},
        also=dict.fromkeys((403, 404), _UNKNOWN),
        changes="zones/{zone.name}/records/{host}/TXT",
        new={"records": [_NEW]},
    )

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record; that none was there is success."""
        path = self.record_list.changes_in(self.fields, zone, stored.name)
        await self.api.delete(path, query={"data": stored.value})
