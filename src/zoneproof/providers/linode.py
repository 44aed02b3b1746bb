"""The provider for Linode's DNS Manager (Akamai): records one by one, of the whole zone."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderPermissionError, ProviderUnavailableError
from zoneproof.providers.api_provider import (
    ZONE_ID,
    Headers,
    RecordsProvider,
    StoredTxt,
    relative_name,
)
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.expiring_key import ExpiringKey, not_told
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_PAGES = Numbered("page_size", 500)
_ONLY_TXT = {"X-Filter": '{"type": "TXT"}'}


class _Domain(msgspec.Struct):
    id: int
    domain: str


class _Record(msgspec.Struct):
    id: int
    type: str
    name: str
    target: str


class _Token(msgspec.Struct):
    token: str  # its first 16 characters
    expiry: str | None = None


class Linode(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records. The API takes the same one twice."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="linode",
        title="Linode",
        homepage="https://techdocs.akamai.com/cloud-computing/docs/dns-manager",
        fields=(token_field("token", "personal access token"), ZONE_ID),
        key_url="https://cloud.linode.com/profile/tokens",
        key_expiry="if the token may also read the account (`account:read_only`)",
        api_url="https://api.linode.com/v4",
        limits=Limits(min_ttl=30),
        notes="The service raises a TTL to the next one of its own: 30, 120 or 300 seconds, 1, 2 or"
        " 4 hours and more. Changes can take some minutes until the name servers show them. A"
        " domain has at most 12,000 records.",
        least_privilege="A personal access token with read and write access to Domains and to"
        " nothing else, of a user who is granted only the domains that certificates are for. Give"
        " it a date of expiry.",
        name_servers=("ns?.linode.com",),
        aliases=(
            Alias("certbot", "dns-linode", {"key": "token"}),
            Alias("acme.sh", "dns_linode_v4", {"LINODE_V4_API_KEY": "token"}),
            Alias("lego", "linode", {"LINODE_TOKEN": "token"}),
            Alias("lego", "linodev4", {"LINODE_TOKEN": "token"}),
        ),
    )
    headers: ClassVar[Headers] = {"Authorization": "Bearer {token}"}
    by_name: ClassVar[bool] = False
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("errors.0.reason",))
    refusals: ClassVar[Refusals] = {
        "Your OAuth token is not authorized to use this endpoint.": Refusal(
            ProviderPermissionError,
            "the token does not allow this",
            "make one with read and write access to Domains",
        ),
        "Linode busy.": Refusal(ProviderUnavailableError, "it is busy", again=True),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the domains that the token's user may see."""
        found = await self.api.items("domains", _Domain, at="data", paging=_PAGES)
        return [(one.domain, str(one.id)) for one in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return all TXT records of the domain."""
        found = await self.api.items(
            f"domains/{zone.id}/records",
            _Record,
            at="data",
            headers=_ONLY_TXT,
            paging=_PAGES,
        )
        return [
            StoredTxt(str(one.id), relative_name(one.name, zone), one.target)
            for one in found
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record, whose name is relative to the zone."""
        new = {"type": "TXT", "name": record.name, "target": record.value, "ttl_sec": record.ttl}
        await self.api.send("POST", f"domains/{zone.id}/records", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self.api.delete(f"domains/{zone.id}/records/{stored.id}")

    async def key_end(self) -> str | None:
        """Return when the token expires, which is found by how it begins."""
        own = self.fields["token"]
        found = await self.api.items("profile/tokens", _Token, at="data", paging=_PAGES)
        for one in found:
            if one.token and own.startswith(one.token):
                return one.expiry
        raise not_told()
