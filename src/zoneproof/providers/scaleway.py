"""The provider for Scaleway's DNS: all changes of a batch in one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec

from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ALREADY, WRONG_KEY, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider
from zoneproof.providers.txt_text import quote_txt

_PAGES = Numbered("page_size", 100, total="total_count")
_ZONE = Refusal.no_zone("it does not know the zone, or not for this key")


class _Zone(msgspec.Struct):
    domain: str
    subdomain: str = ""


class Scaleway(SetsProvider):
    """Adds values to TXT sets and removes values from them.

    A change that meets an unknown zone could make one; that is forbidden in each request.
    """

    info = ProviderInfo(
        slug="scaleway",
        title="Scaleway",
        homepage="https://www.scaleway.com/en/developers/api/domains-and-dns/",
        fields=(token_field("secret_key", "secret key of an API key"),),
        key_url="https://console.scaleway.com/iam/api-keys",
        api_url="https://api.scaleway.com/domain/v2beta1",
        limits=Limits(min_ttl=60),
        least_privilege="An API key of an application of its own, whose policy has the permission"
        " set `DomainsDNSFullAccess` for the project with the zones, and a date of expiry.",
        name_servers=("ns?.dom.scw.cloud",),
        aliases=(
            Alias("certbot", "dns-scaleway", {"application_token": "secret_key"}),
            Alias("acme.sh", "dns_scaleway", {"SCALEWAY_API_TOKEN": "secret_key"}),
            Alias(
                "lego",
                "scaleway",
                {"SCW_SECRET_KEY": "secret_key", "SCALEWAY_API_TOKEN": "secret_key"},
            ),
        ),
    )
    headers = "X-Auth-Token: {secret_key}"
    batches = True
    checks = False  # nothing of others is written
    errors = ErrorBody(codes=("type",), messages=("details.0.help_message", "message"))
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(("domain not found", "subdomain not found"), _ZONE),
        "denied_authentication": WRONG_KEY,
        "permissions_denied": Refusal.not_allowed(
            "the key does not allow this",
            "add the permission set DomainsDNSFullAccess to its policy",
        ),
        "quotas_exceeded": Refusal.over_quota("a quota is used up"),
        "transient_state": Refusal.conflict("another change is in progress", again=True),
    }
    record_list = RecordList(
        "dns-zones/{zone.name}/records",
        at="records",
        query={"type": "TXT", "name": "{name}"},
        value="data",
        ttl="ttl",
        quoted=True,
        paging=_PAGES,
    )

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones of domains and of subdomains; they are known by name."""
        found = await self.api.items("dns-zones", _Zone, at="dns_zones", paging=_PAGES)
        return [(f"{one.subdomain}.{one.domain}".lstrip("."), "") for one in found]

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Add and remove single values, all of them or none."""
        patch = {
            "changes": [part for change in changes for part in _parts(change)],
            "return_all_records": False,
            "disallow_new_zone_creation": True,
        }
        await self.api.send(
            "PATCH",
            f"dns-zones/{zone.name}/records",
            json=patch,
            also={"not_found": ALREADY, 404: ALREADY},
        )


def _parts(change: SetChange) -> list[dict[str, object]]:
    added = [{**_record(change, one), "ttl": change.new.ttl} for one in change.added]
    parts: list[dict[str, object]] = [{"add": {"records": added}}] if added else []
    return parts + [{"delete": {"id_fields": _record(change, one)}} for one in change.removed]


def _record(change: SetChange, value: str) -> dict[str, object]:
    return {"name": change.name, "type": "TXT", "data": quote_txt(value)}
