"""The provider for NS1 (IBM NS1 Connect): sets of answers, replaced as a whole."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import AlreadyDoneError
from zoneproof.providers.api_provider import Headers
from zoneproof.providers.api_request import token_field
from zoneproof.providers.contract import Alias, ProviderInfo, Zone
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet


class _Zone(msgspec.Struct):
    zone: str


class _Answer(msgspec.Struct):
    answer: list[str]


class _Record(msgspec.Struct):
    ttl: int = 0
    answers: list[_Answer] = []


class Ns1(SetsProvider):
    """Reads and replaces the answers of the TXT record at a name; values are not quoted."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="ns1",
        title="NS1",
        homepage="https://www.ibm.com/products/ns1-connect",
        fields=(token_field("key", "API key"),),
        key_url="https://my.nsone.net/#/account/settings",
        api_url="https://api.nsone.net/v1",
        least_privilege="An API key with the permissions to view and manage zones, and to nothing"
        " else, which is allowed the zones that certificates are for, or even only the `TXT`"
        " records at their `_acme-challenge` names. It can be bound to this machine's address.",
        name_servers=("dns?.p*.nsone.net",),
        aliases=(
            Alias("certbot", "dns-nsone", {"api_key": "key"}),
            Alias("acme.sh", "dns_nsone", {"NS1_Key": "key"}),
            Alias("lego", "ns1", {"NS1_API_KEY": "key"}),
        ),
    )
    headers: ClassVar[Headers] = {"X-NSONE-Key": "{key}"}
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("message",))
    refusals: ClassVar[Refusals] = {
        "record not found": ALREADY,  # in a zone that there is
        "record already exists": ALREADY,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones; they are known by name."""
        return [(one.zone, "") for one in await self.api.items("zones", _Zone)]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT answers at the name."""
        try:
            found = await self.api.get(_path(zone, name), _Record)
        except AlreadyDoneError:
            return TxtSet()
        return TxtSet(tuple("".join(one.answer) for one in found.answers), found.ttl)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Put a new record, post the answers of one that there is, or delete it."""
        path = _path(zone, change.name)
        new = {
            "zone": zone.name.text,
            "domain": zone.record(change.name).text,
            "type": "TXT",
            "ttl": change.new.ttl,
            "answers": [{"answer": [value]} for value in change.new.values],
        }
        if not change.new.values:
            await self.api.delete(path)
        elif change.old.values:
            await self.api.send("POST", path, json=new)
        else:
            await self.api.send("PUT", path, json=new)


def _path(zone: Zone, name: str) -> str:
    return f"zones/{zone.name}/{zone.record(name)}/TXT"
