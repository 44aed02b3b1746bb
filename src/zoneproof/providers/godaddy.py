"""The provider for GoDaddy: sets, with a personal token or with a key and a secret."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import SLOWER, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

# A full page continues after its last domain.
_PAGES = NextWord("limit", 1000, at="999.domain", word="marker")
_STATUSES = "ACTIVE,PENDING_DNS_ACTIVE"  # the second one: registered elsewhere, with DNS here
_ZONE = Refusal.no_zone("the account does not have this domain with GoDaddy's DNS")


class _Record(msgspec.Struct):
    data: str
    ttl: int = 0


class GoDaddy(SetsProvider):
    """Reads and replaces the TXT records at a name.

    A domain with Domain Protection takes a change, and has an empty record afterwards.
    """

    info = ProviderInfo(
        slug="godaddy",
        title="GoDaddy",
        homepage="https://www.godaddy.com",
        fields=(
            token_field("token", "personal access token; or else key and secret", default=""),
            token_field("key", "API key", secret=False, default=""),
            token_field("secret", "secret of the API key", default=""),
        ),
        key_url="https://developer.godaddy.com/keys",
        api_url="https://api.godaddy.com/v1",
        limits=Limits(min_ttl=600),
        notes="A personal access token lasts a year at most. Keys with a secret were for accounts"
        " with 10 domains or more since 2024, and are to end after 2026: make a token instead."
        " Sources disagree on which accounts may use a key. The service takes one request a second."
        " Domain Protection must be off for the domain: with it, changes seem to work, and leave"
        " empty records.",
        least_privilege="A personal access token with the scopes `domains.domain:read` and"
        " `domains.dns:update`; it works for all domains of the account.",
        name_servers=("ns??.domaincontrol.com", "pdns??.domaincontrol.com"),
        aliases=(
            Alias("certbot", "dns-godaddy", {"key": "key", "secret": "secret"}),
            Alias("acme.sh", "dns_gd", {"GD_Key": "key", "GD_Secret": "secret"}),
            Alias("lego", "godaddy", {"GODADDY_API_KEY": "key", "GODADDY_API_SECRET": "secret"}),
            Alias("lego", "godaddyv3", {"GODADDYV3_PERSONAL_ACCESS_TOKEN": "token"}),
        ),
    )
    headers = ("Authorization: Bearer {token}", "Authorization: sso-key {key}:{secret}")
    pause = 1.0
    errors = ErrorBody(codes=("code",), messages=("fields.0.message", "message"))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept the credentials", "they must be for production, not for tests (OTE)"
        ),
        403: Refusal.not_allowed(
            "the account or the token may not do this",
            "a token needs the scopes domains.domain:read and domains.dns:update; a key works only"
            " for accounts with 10 domains or more, or with a Discount Domain Club plan",
        ),
        "NOT_FOUND": _ZONE,
        "UNKNOWN_DOMAIN": _ZONE,
        "TOO_MANY_REQUESTS": SLOWER,
    }
    zone_list = ZoneList("domains", query={"statuses": _STATUSES}, paging=_PAGES, name="domain")
    set_path = "domains/{zone.name}/records/TXT/{host}"

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT records at the name, without the empty ones that count as deleted."""
        found = await self.api.get(self.path_of_set(zone, name), list[_Record])
        there = [one for one in found if one.data]
        return TxtSet(tuple(one.data for one in there), max((one.ttl for one in there), default=0))

    def set_of(self, zone: Zone, change: SetChange) -> object:
        """Return the records of the set."""
        return [{"data": value, "ttl": change.new.ttl} for value in change.new.values]
