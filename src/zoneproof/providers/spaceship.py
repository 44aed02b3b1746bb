"""The provider for Spaceship: values added to and removed from sets, a batch in one request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from zoneproof.core.errors import ProviderPermissionError
from zoneproof.providers.api_provider import Headers, relative_name
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ErrorBody
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_PAGES = Offset("take", 100, word="skip", total="total")
_LONGEST = 3600  # seconds that a TTL may be


class _Domain(msgspec.Struct):
    name: str


class _Record(msgspec.Struct):
    type: str
    name: str
    ttl: int = 0
    value: str = ""


class Spaceship(SetsProvider):
    """Puts values, which is the same twice here as once, and deletes them; values as they are."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
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
    headers: ClassVar[Headers] = {"X-Api-Key": "{api_key}", "X-Api-Secret": "{api_secret}"}
    batches: ClassVar[bool] = True
    checks: ClassVar[bool] = False  # nothing of others is written
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("data.0.details", "detail"))

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains, none if the key may not read them."""
        try:
            found = await self._items("domains", _Domain)
        except ProviderPermissionError:
            return []
        return [(domain.name, "") for domain in found]

    async def read_sets(self, zone: Zone, names: Sequence[str]) -> dict[str, TxtSet]:
        """Return the TXT sets of the domain, which comes with all its records."""
        sets: dict[str, TxtSet] = {}
        for one in await self._items(f"dns/records/{zone.name}", _Record):
            if one.type == "TXT":
                name = relative_name(one.name, zone)
                sets[name] = TxtSet((*sets.get(name, TxtSet()).values, one.value), one.ttl)
        return sets

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Put the values that are new, all of them or none; delete those that are to go."""
        added: list[dict[str, object]] = []
        removed: list[dict[str, object]] = []
        for change in changes:
            old, new, ttl = change.old.values, change.new.values, min(change.new.ttl, _LONGEST)
            added += [{**_record(change, one), "ttl": ttl} for one in new if one not in old]
            removed += [_record(change, one) for one in old if one not in new]
        path = f"dns/records/{zone.name}"
        if added:
            body = {"force": False, "items": added}
            await self.api.send("PUT", path, json=body, repeatable=True)
        if removed:
            await self.api.delete(path, json=removed)

    async def _items(self, path: str, of: type[Any]) -> list[Any]:
        return await self.api.items(path, of, at="items", query={"skip": 0}, paging=_PAGES)


def _record(change: SetChange, value: str) -> dict[str, object]:
    return {"type": "TXT", "name": change.name or "@", "value": value}
