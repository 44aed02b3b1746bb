"""The provider for Linode's DNS Manager (Akamai): records one by one, of the whole zone."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderUnavailableError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo
from zoneproof.providers.expiring_key import ExpiringKey, not_told
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_PAGES = Numbered("page_size", 500)
_ONLY_TXT = {"X-Filter": '{"type": "TXT"}'}


class _Token(msgspec.Struct):
    token: str  # its first 16 characters
    expiry: str | None = None


class Linode(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records. The API takes the same one twice."""

    info = ProviderInfo(
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
    headers = "Authorization: Bearer {token}"
    by_name = False
    errors = ErrorBody(messages=("errors.0.reason",))
    refusals: ClassVar[Refusals] = {
        "Your OAuth token is not authorized to use this endpoint.": Refusal.not_allowed(
            "the token does not allow this", "make one with read and write access to Domains"
        ),
        "Linode busy.": Refusal(ProviderUnavailableError, "it is busy", again=True),
    }
    zone_list = ZoneList("domains", at="data", paging=_PAGES, name="domain", id="id")
    record_list = RecordList(
        "domains/{zone.id}/records",
        at="data",
        headers=_ONLY_TXT,
        paging=_PAGES,
        value="target",
        new={"type": "TXT", "name": "{name}", "target": "{value}", "ttl_sec": "{ttl}"},
    )

    async def key_end(self) -> str | None:
        """Return when the token expires, which is found by how it begins."""
        own = self.fields["token"]
        found = await self.api.items("profile/tokens", _Token, at="data", paging=_PAGES)
        for one in found:
            if one.token and own.startswith(one.token):
                return one.expiry
        raise not_told()
