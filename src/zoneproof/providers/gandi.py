"""The provider for Gandi's LiveDNS: sets, read and replaced."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar

import msgspec

from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.expiring_key import ExpiringKey
from zoneproof.providers.fields import token_field, url_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet


class _RRset(msgspec.Struct):
    rrset_values: list[str]
    rrset_ttl: int


class _Token(msgspec.Struct):
    expires_in: float | None = None  # seconds


class Gandi(ExpiringKey, SetsProvider):
    """Reads and replaces the TXT set at a name."""

    info = ProviderInfo(
        slug="gandi",
        title="Gandi",
        homepage="https://api.gandi.net/docs/livedns/",
        fields=(
            token_field("token", "personal access token", default=""),
            token_field("api_key", "API key of the old kind, instead of a token", default=""),
            url_field(
                "id_url",
                "where tokens are described; another one for a proxy or a test",
                "https://id.gandi.net",
            ),
        ),
        key_url="https://admin.gandi.net/organizations/account/pat",
        key_expiry="if it is a personal access token",
        api_url="https://api.gandi.net/v5/livedns",
        limits=Limits(min_ttl=300),
        notes="Personal access tokens last at most a year. API keys of the old kind still work, but"
        " no new ones are to be used.",
        least_privilege="A personal access token limited to the domains that certificates are for,"
        " with `Manage domain name technical configurations`, which brings `See and renew domain"
        " names` with it.",
        name_servers=("ns-*.gandi.net",),
        aliases=(
            Alias("certbot", "dns-gandi", {"token": "token", "api_key": "api_key"}),
            Alias(
                "acme.sh",
                "dns_gandi_livedns",
                {"GANDI_LIVEDNS_TOKEN": "token", "GANDI_LIVEDNS_KEY": "api_key"},
            ),
            Alias(
                "lego",
                "gandiv5",
                {"GANDIV5_PERSONAL_ACCESS_TOKEN": "token", "GANDIV5_API_KEY": "api_key"},
            ),
        ),
    )
    headers = ("Authorization: Bearer {token}", "Authorization: Apikey {api_key}")
    errors = ErrorBody(codes=("object",), messages=("errors.0.description", "message"))
    refusals: ClassVar[Refusals] = {"dns-record": ALREADY}  # no such set, in a zone that there is
    zone_list = ZoneList("domains", query={"per_page": 100}, name="fqdn")
    set_path = "domains/{zone.name}/records/{host}/TXT"

    async def read_set(self, zone: Zone, name: str) -> TxtSet | None:
        """Return the TXT set at the name."""
        found = await self.api.find(self.path_of_set(zone, name), _RRset)
        return TxtSet.of_quoted(found.rrset_values, found.rrset_ttl) if found else None

    async def key_end(self) -> datetime | None:
        """Return when the token expires; keys of the old kind do not."""
        if not self.fields["token"]:
            return None
        found = await self.api.get(f"{self.fields['id_url'].rstrip('/')}/tokeninfo", _Token)
        left = found.expires_in
        return None if left is None else self.now() + timedelta(seconds=left)

    def set_of(self, zone: Zone, change: SetChange) -> object:
        """Return the values in quotes."""
        return {"rrset_values": change.new.quoted, "rrset_ttl": change.new.ttl}
