"""The provider for Vercel's DNS: records one by one, of the whole zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.expiring_key import ExpiringKey
from zoneproof.providers.fields import CredentialField, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import SLOWER, WRONG_KEY, ErrorBody, Refusals

_PAGES = NextWord("limit", 100, at="pagination.next", word="until")  # a time


class _Token(msgspec.Struct, rename="camel"):
    expires_at: int | None = None  # milliseconds since 1970


class _Current(msgspec.Struct):
    token: _Token


class Vercel(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records, whose values are not quoted. Each path has its own version."""

    info = ProviderInfo(
        slug="vercel",
        title="Vercel",
        homepage="https://vercel.com/docs/rest-api/reference/endpoints/dns",
        fields=(
            token_field("token", "access token"),
            CredentialField("team_id", "id or slug of the team that has the domains", default=""),
        ),
        key_url="https://vercel.com/account/settings/tokens",
        key_expiry="whatever it may do",
        api_url="https://api.vercel.com",
        limits=Limits(min_ttl=60),
        notes="Without `team_id` the domains are those of the token's own account. The service"
        " takes 100 new records in an hour. What the API"
        " answers to a record that it has already is not described.",
        least_privilege="A token whose scope is only the team with the domains, with a date of"
        " expiry; it may do everything there that its user may.",
        name_servers=("ns?.vercel-dns.com",),
        aliases=(
            Alias("acme.sh", "dns_vercel", {"VERCEL_TOKEN": "token"}),
            Alias("lego", "vercel", {"VERCEL_API_TOKEN": "token", "VERCEL_TEAM_ID": "team_id"}),
        ),
    )
    headers = "Authorization: Bearer {token}"
    by_name = False
    errors = ErrorBody(codes=("error.code",), messages=("error.message",))
    refusals: ClassVar[Refusals] = {
        "Not authorized": WRONG_KEY,
        "rate_limited": SLOWER,
    }
    query = "teamId={team_id}"
    zone_list = ZoneList("v5/domains", at="domains", paging=_PAGES)
    record_list = RecordList(
        "v4/domains/{zone.name}/records",
        at="records",
        value="value",
        changes="v2/domains/{zone.name}/records",
        paging=_PAGES,
        owner="{name}",
    )

    async def key_end(self) -> datetime | None:
        """Return when the token expires."""
        found = (await self.api.get("v5/user/tokens/current", _Current)).token.expires_at
        return datetime.fromtimestamp(found / 1000, UTC) if found else None
