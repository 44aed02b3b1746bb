"""The provider for a PowerDNS Authoritative Server: sets, those of a batch in one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import quote

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.providers.contract import Alias, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.fields import CA_BUNDLE, server_field, token_field
from zoneproof.providers.lists import relative_name
from zoneproof.providers.refusals import NO_ZONE, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_COPIES = ("Slave", "Secondary", "Consumer")  # kinds of zones that come from another server

_CNAME = "Conflicts with pre-existing RRset"
_UNKNOWN = "Could not find domain"


class _Zone(msgspec.Struct):
    name: str
    kind: str = ""


class _Record(msgspec.Struct):
    content: str
    disabled: bool = False


class _RRset(msgspec.Struct):
    name: str
    type: str
    ttl: int
    records: list[_Record]


class _WithSets(msgspec.Struct):
    rrsets: list[_RRset]


class PowerDns(SetsProvider):
    """Reads the TXT set of each name and replaces those of a batch at once.

    A server that is too old to filter sends the whole zone.
    """

    info = ProviderInfo(
        slug="powerdns",
        title="PowerDNS",
        homepage="https://doc.powerdns.com/authoritative/http-api/",
        fields=(
            server_field("https://ns1.example.org:8081"),
            token_field("key", "the server's api-key"),
            token_field(
                "server_id", "name of the server in the API", secret=False, default="localhost"
            ),
            CA_BUNDLE,
        ),
        key_url="https://doc.powerdns.com/authoritative/settings.html#setting-api-key",
        notes="The server needs `api=yes`, `api-key`, and `webserver-allow-from` with the address"
        " of this machine. It speaks plain HTTP, so a reverse proxy with TLS belongs before it"
        " unless both are on one machine. Zones get a new serial only with `SOA-EDIT-API`, without"
        " which secondary servers do not see the change; the default for zones that the API made"
        " is `DEFAULT`. Disabled TXT values at the same name are lost, because the API does not"
        " show them where a name is asked for.",
        least_privilege="The server has one key, for everything. A reverse proxy can limit it to"
        " `GET /api/v1/servers/localhost/zones*` and `PATCH` of single zones.",
        aliases=(
            Alias(
                "acme.sh",
                "dns_pdns",
                {"PDNS_Url": "server", "PDNS_Token": "key", "PDNS_ServerId": "server_id"},
            ),
            Alias(
                "lego",
                "pdns",
                {
                    "PDNS_API_URL": "server",
                    "PDNS_API_KEY": "key",
                    "PDNS_SERVER_NAME": "server_id",
                },
            ),
            Alias(
                "certbot",
                "dns-powerdns",
                {"api_url": "server", "api_key": "key"},
            ),
        ),
    )
    headers = "X-API-Key: {key}"
    root = "/api/v1"
    errors = ErrorBody(phrases=(_CNAME, _UNKNOWN))
    refusals: ClassVar[Refusals] = {
        _CNAME: Refusal(
            ProviderError, "there is a CNAME", "remove it, or let it lead to a zone of its own"
        ),
        _UNKNOWN: NO_ZONE,
        401: Refusal.wrong_key(
            "it does not accept the key", "compare it with the server's setting api-key"
        ),
        404: Refusal.no_zone(
            "it does not have the zone",
            "check the zone's name, the field server_id, and that the server has api=yes",
        ),
    }
    batches = True
    max_body = 64 * 1024 * 1024  # the list has no pages: some 250 bytes for each zone

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        self._zones = f"servers/{quote(context.fields['server_id'], safe='')}/zones"

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones that are changed on this server; they are known by name."""
        found = await self.api.get(self._zones, list[_Zone], query={"dnssec": "false"})
        return [(zone.name, "") for zone in found if zone.kind not in _COPIES]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name."""
        query = {"rrset_name": _dotted(zone, name), "rrset_type": "TXT"}
        found = await self.api.get(self._path(zone), _WithSets, query=query)
        for one in found.rrsets:
            if one.type == "TXT" and relative_name(one.name, zone) == name:
                values = [unquote_txt(r.content) for r in one.records if not r.disabled]
                return TxtSet(tuple(values), one.ttl)
        return TxtSet()

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Replace the sets, all of them or none; one without records is deleted."""
        sets = [
            {
                "name": _dotted(zone, change.name),
                "type": "TXT",
                "ttl": change.new.ttl,
                "changetype": "REPLACE" if change.new.values else "DELETE",
                "records": [
                    {"content": quote_txt(value), "disabled": False} for value in change.new.values
                ],
            }
            for change in changes
        ]
        await self.api.send("PATCH", self._path(zone), json={"rrsets": sets})

    def _path(self, zone: Zone) -> str:
        return f"{self._zones}/{zone.name}."


def _dotted(zone: Zone, name: str) -> str:
    return f"{zone.record(name)}."
