"""The provider for Domeneshop (Domainnameshop): records one by one, found by their name."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.refusals import NO_ZONE, ErrorBody, Refusals

_STEP = 60  # seconds; a TTL is a multiple of it


class Domeneshop(RecordsProvider):
    """Adds and deletes TXT records, values as they are."""

    info = ProviderInfo(
        slug="domeneshop",
        title="Domeneshop",
        homepage="https://api.domeneshop.no/docs/",
        fields=(
            token_field("token", "API token"),
            token_field("secret", "secret of the token"),
            ZONE_ID,
        ),
        key_url="https://www.domeneshop.no/admin?view=api",
        api_url="https://api.domeneshop.no/v0",
        limits=Limits(min_ttl=_STEP),
        notes="A TTL is a multiple of 60 seconds; another one is raised to the next.",
        least_privilege="A token may do everything with the account's DNS; limit it to this"
        " machine's address.",
        name_servers=("ns?.hyp.net",),
        aliases=(
            Alias(
                "certbot", "dns-domeneshop", {"client_token": "token", "client_secret": "secret"}
            ),
            Alias(
                "acme.sh",
                "dns_domeneshop",
                {"DOMENESHOP_Token": "token", "DOMENESHOP_Secret": "secret"},
            ),
            Alias(
                "lego",
                "domeneshop",
                {"DOMENESHOP_API_TOKEN": "token", "DOMENESHOP_API_SECRET": "secret"},
            ),
        ),
    )
    login = ("token", "secret")
    errors = ErrorBody(codes=("code",), messages=("help",))
    refusals: ClassVar[Refusals] = {
        "resource:unauthorized": NO_ZONE,
    }
    record_list = RecordList(
        "domains/{zone.id}/dns",
        query={"host": "{host}", "type": "TXT"},
        name="host",
        value="data",
    )
    zone_list = ZoneList("domains", name="domain", id="id", only={"services.dns": True})

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, with a TTL that the service takes."""
        ttl = -(-record.ttl // _STEP) * _STEP
        await super().create_record(zone, replace(record, ttl=ttl))
