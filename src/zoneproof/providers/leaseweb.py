"""The provider for Leaseweb's DNS: sets, made or replaced one by one."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import AlreadyDoneError, ProviderConflictError
from zoneproof.providers.api_provider import Headers
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ALREADY, USUAL, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_PAGES = Offset("limit", 100)
_TTLS = (60, 300, 1800, 3600, 14400, 28800, 43200, 86400)  # those that the API takes
_NONE: Refusals = {**USUAL, 404: ALREADY}
_THERE: Refusals = {
    **USUAL,
    400: Refusal(ProviderConflictError, "the set is there by now, or invalid"),
}
_GONE: Refusals = {**USUAL, 404: Refusal(ProviderConflictError, "the set is no longer there")}


class _Domain(msgspec.Struct, rename="camel"):
    domain_name: str


class _RecordSet(msgspec.Struct):
    content: list[str]
    ttl: int


class Leaseweb(SetsProvider):
    """Reads the TXT set at a name, and posts, puts or deletes it."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="leaseweb",
        title="Leaseweb",
        homepage="https://developer.leaseweb.com/docs/#tag/DNS",
        fields=(token_field("api_key", "API key"),),
        key_url="https://secure.leaseweb.com/api-client-management/",
        api_url="https://api.leaseweb.com/hosting/v2",
        limits=Limits(min_ttl=60),
        notes="A TTL is one of 60, 300, 1800, 3600, 14400, 28800, 43200 and 86400 seconds; another"
        " one is raised to the next of these.",
        least_privilege="The API describes one kind of key, for the whole account.",
        aliases=(
            Alias("certbot", "dns-leaseweb", {"api_token": "api_key"}),
            Alias("acme.sh", "dns_leaseweb", {"LSW_Key": "api_key"}),
            Alias("lego", "leaseweb", {"LEASEWEB_API_KEY": "api_key"}),
        ),
    )
    headers: ClassVar[Headers] = {"X-LSW-Auth": "{api_key}"}
    errors: ClassVar[ErrorBody] = ErrorBody(codes=("errorCode",), messages=("errorMessage",))

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the domains whose DNS is there; they are known by name."""
        found = await self.api.items(
            "domains",
            _Domain,
            at="domains",
            query={"type": "dns"},
            paging=_PAGES,
        )
        return [(domain.domain_name, "") for domain in found]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name. None looks the same in a domain that there is not."""
        try:
            answer = await self.api.send("GET", _path(zone, name), refusals=_NONE)
        except AlreadyDoneError:
            return TxtSet()
        found = self.api.read(answer, _RecordSet)
        return TxtSet(tuple(map(unquote_txt, found.content)), found.ttl)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Post a set that is new, put one that is there, or delete it."""
        path = _path(zone, change.name)
        new: dict[str, object] = {
            "content": [quote_txt(value) for value in change.new.values],
            "ttl": next((ttl for ttl in _TTLS if ttl >= change.new.ttl), _TTLS[-1]),
        }
        if not change.new.values:
            await self.api.delete(path)
        elif change.old.values:
            await self.api.send("PUT", path, json=new, refusals=_GONE)
        else:
            new |= {"name": zone.record(change.name).fqdn, "type": "TXT"}
            path = f"domains/{zone.name}/resourceRecordSets"
            await self.api.send("POST", path, json=new, refusals=_THERE)


def _path(zone: Zone, name: str) -> str:
    return f"domains/{zone.name}/resourceRecordSets/{zone.record(name).fqdn}/TXT"
