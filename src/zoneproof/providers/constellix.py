"""The provider for Constellix: sets with an id, and requests with a signed time."""

from __future__ import annotations

from base64 import b64encode
from typing import ClassVar, TypeVar
from urllib.parse import quote

import msgspec

from zoneproof.core.errors import ProviderConflictError
from zoneproof.providers.api_provider import ZONE_ID
from zoneproof.providers.api_request import ApiRequest, token_field
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.paging import Offset, Query
from zoneproof.providers.refusals import SLOWER, USUAL, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.signatures import hmac_sha1
from zoneproof.providers.txt_text import quote_txt, unquote_txt

T = TypeVar("T")

_PAGES = Offset("max", 100)
_CHANGED = Refusal(ProviderConflictError, "the records have changed in the meantime")


class _Item(msgspec.Struct):
    id: int
    name: str


class _Value(msgspec.Struct):
    value: str


class _Set(_Item):
    ttl: int = 0
    round_robin: list[_Value] = msgspec.field(name="roundRobin", default_factory=list)


class Constellix(SetsProvider):
    """Looks for the id of the set at a name, and replaces, makes or deletes it."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="constellix",
        title="Constellix",
        homepage="https://constellix.com",
        fields=(
            token_field("key", "API key", secret=False),
            token_field("secret", "secret key"),
            ZONE_ID,
        ),
        key_url="https://manage.constellix.com/user",
        api_url="https://api.dns.constellix.com/v1",
        limits=Limits(),
        notes="The clock of this machine must be right. The recorded exchanges that this was"
        " compared with are of 2018.",
        least_privilege="The keys of a user made for Zoneproof at"
        " `https://manage.constellix.com/users`, with the role User and Read/Write/Commit for the"
        " domains in question only, without Add Domains and Delete Domains.",
        name_servers=("ns??.constellix.com", "ns??.constellix.net"),
        aliases=(
            Alias(
                "acme.sh",
                "dns_constellix",
                {"CONSTELLIX_Key": "key", "CONSTELLIX_Secret": "secret"},
            ),
            Alias(
                "lego",
                "constellix",
                {"CONSTELLIX_API_KEY": "key", "CONSTELLIX_SECRET_KEY": "secret"},
            ),
        ),
    )
    marked: ClassVar[bool] = True
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=(), messages=("errors.0",), phrases=("already exists", "rate limit")
    )
    refusals: ClassVar[Refusals] = {
        "already exists": _CHANGED,
        "rate limit": SLOWER,
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return name and id of the domains."""
        found = await self.api.items(
            "domains/",
            _Item,
            paging=_PAGES,
        )
        return [(one.name, str(one.id)) for one in found]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name; its version is its id."""
        if name:
            found = await self._get(f"{_path(zone)}/search", list[_Item], {"exact": name})
        else:
            found = await self._get(_path(zone), list[_Item])
        key = next((one.id for one in found or () if one.name == name), None)
        whole = None if key is None else await self._get(f"{_path(zone)}/{key}", _Set)
        if whole is None:
            return TxtSet()
        values = tuple(unquote_txt(one.value) for one in whole.round_robin)
        return TxtSet(values, whole.ttl, str(key))

    async def _get(self, path: str, into: type[T], query: Query | None = None) -> T | None:
        """Return what is there; None for 404, as a search without result has it."""
        answer = await self.api.send("GET", path, query=query, expected=(200, 404))
        return None if answer.status == 404 else self.api.read(answer, into)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Replace, make or delete the set."""
        values = [{"value": quote_txt(v), "disableFlag": False} for v in change.new.values]
        new = {"name": change.name, "ttl": change.new.ttl, "roundRobin": values}
        key = change.old.version
        if not values:
            await self.api.delete(f"{_path(zone)}/{key}")
        elif key:
            table = {**USUAL, **self.refusals, 404: _CHANGED}
            await self.api.send("PUT", f"{_path(zone)}/{key}", json=new, refusals=table)
        else:
            await self.api.send("POST", _path(zone), json=new)

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Sign the request."""
        time = str(int(self.now().timestamp() * 1000))
        signature = b64encode(hmac_sha1(self.fields["secret"], time)).decode()
        token = f"{self.fields['key']}:{signature}:{time}"
        return request.with_headers({"x-cns-security-token": token})


def _path(zone: Zone) -> str:
    return f"domains/{quote(zone.id, safe='')}/records/TXT"
