"""The provider for Vercel's DNS: records one by one, of the whole zone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import ClassVar

import msgspec

from zoneproof.providers.api_provider import Headers, RecordsProvider, StoredTxt, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.expiring_key import ExpiringKey
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import SLOWER, WRONG_KEY, ErrorBody, Refusals

_PAGES = NextWord("limit", 100, at="pagination.next", word="until")  # a time


class _Domain(msgspec.Struct):
    name: str


class _Record(msgspec.Struct):
    id: str
    name: str
    type: str
    value: str = ""  # those for HTTPS are made without one


class _Token(msgspec.Struct, rename="camel"):
    expires_at: int | None = None  # milliseconds since 1970


class _Current(msgspec.Struct):
    token: _Token


class Vercel(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records, whose values are not quoted. Each path has its own version."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
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
    headers: ClassVar[Headers] = {"Authorization": "Bearer {token}"}
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(codes=("error.code",), messages=("error.message",))
    refusals: ClassVar[Refusals] = {
        "Not authorized": WRONG_KEY,
        "rate_limited": SLOWER,
    }

    def __init__(self, context: ProviderContext) -> None:
        super().__init__(context)
        self._team = {"teamId": context.fields["team_id"] or None}

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the team's domains; they are known by name."""
        path, query = "v5/domains", self._team
        found = await self.api.items(path, _Domain, at="domains", query=query, paging=_PAGES)
        return [(one.name, "") for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return all TXT records of the domain."""
        path, query = f"v4/domains/{zone.name}/records", self._team
        found = await self.api.items(path, _Record, at="records", query=query, paging=_PAGES)
        return [
            StoredTxt(one.id, relative_name(one.name, zone), one.value)
            for one in found
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        new = {"type": "TXT", "name": record.name, "value": record.value, "ttl": record.ttl}
        await self.api.send("POST", f"v2/domains/{zone.name}/records", query=self._team, json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"v2/domains/{zone.name}/records/{stored.id}", query=self._team)

    async def key_end(self) -> datetime | None:
        """Return when the token expires."""
        found = (await self.api.get("v5/user/tokens/current", _Current)).token.expires_at
        return datetime.fromtimestamp(found / 1000, UTC) if found else None
