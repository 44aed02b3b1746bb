"""The provider for Spaceship: values added to and removed from sets, a batch in one request."""

from __future__ import annotations

from collections.abc import Sequence

from zoneproof.core.errors import ProviderPermissionError
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.lists import RecordList, ZoneList
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody
from zoneproof.providers.set_provider import SetChange, SetsProvider

_PAGES = Offset("take", 100, word="skip", total="total")
_LONGEST = 3600  # seconds that a TTL may be


class Spaceship(SetsProvider):
    """Puts values, which is the same twice here as once, and deletes them; values as they are."""

    info = ProviderInfo(
        slug="spaceship",
        title="Spaceship",
        homepage="https://docs.spaceship.dev/",
        fields=(token_field("api_key", "API key"), token_field("api_secret", "API secret")),
        key_url="https://www.spaceship.com/application/api-manager/",
        api_url="https://spaceship.dev/api/v1",
        limits=Limits(min_ttl=60),
        notes="A TTL is at most 3600 seconds; a longer one is cut to that.",
        least_privilege="A key that may read and write DNS records, and nothing else. The right to"
        " read domains lets Zoneproof list them, and is not needed.",
        name_servers=("launch?.spaceship.net",),
        aliases=(
            Alias("certbot", "dns-spaceship"),
            Alias(
                "acme.sh",
                "dns_spaceship",
                {"SPACESHIP_API_KEY": "api_key", "SPACESHIP_API_SECRET": "api_secret"},
            ),
            Alias(
                "lego",
                "spaceship",
                {"SPACESHIP_API_KEY": "api_key", "SPACESHIP_API_SECRET": "api_secret"},
            ),
        ),
    )
    headers = "X-Api-Key: {api_key}\nX-Api-Secret: {api_secret}"
    batches = True
    checks = False  # nothing of others is written
    errors = ErrorBody(messages=("data.0.details", "detail"))
    zone_list = ZoneList("domains", at="items", query={"skip": 0}, paging=_PAGES)
    record_list = RecordList(
        "dns/records/{zone.name}",
        at="items",
        query={"skip": 0},
        id="",
        value="value",
        ttl="ttl",
        paging=_PAGES,
    )

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Put the values that are new, all of them or none; delete those that are to go."""
        added: list[dict[str, object]] = []
        removed: list[dict[str, object]] = []
        for change in changes:
            ttl = min(change.new.ttl, _LONGEST)
            added += [{**_record(change, one), "ttl": ttl} for one in change.added]
            removed += [_record(change, one) for one in change.removed]
        path = f"dns/records/{zone.name}"
        if added:
            body = {"force": False, "items": added}
            await self.api.send("PUT", path, json=body, repeatable=True)
        if removed:
            await self.api.delete(path, json=removed)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains, none if the key may not read them."""
        try:
            return await super().list_zones()
        except ProviderPermissionError:
            return []


def _record(change: SetChange, value: str) -> dict[str, object]:
    return {"type": "TXT", "name": change.name or "@", "value": value}
