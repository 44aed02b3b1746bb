"""The provider for Constellix: sets with an id, and requests with a signed time."""

from __future__ import annotations

from base64 import b64encode
from typing import ClassVar, TypeVar

import msgspec

from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.contract import Alias, ProviderInfo, Zone
from zoneproof.providers.fields import ZONE_ID, token_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.paging import Offset
from zoneproof.providers.refusals import ALREADY, SLOWER, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.signatures import hmac_sha1
from zoneproof.providers.txt_text import quote_txt, unquote_txt

T = TypeVar("T")

_PAGES = Offset("max", 100)
_CHANGED = Refusal.conflict("the records have changed in the meantime")
_NONE: Refusals = {404: ALREADY}


class _Item(msgspec.Struct):
    id: int
    name: str


class _Value(msgspec.Struct):
    value: str


class _Set(_Item):
    ttl: int
    round_robin: list[_Value] = msgspec.field(name="roundRobin")


class Constellix(SetsProvider):
    """Looks for the id of the set at a name, and replaces, makes or deletes it."""

    info = ProviderInfo(
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
    marked = True
    errors = ErrorBody(messages=("errors.0",), phrases=("already exists", "rate limit"))
    refusals: ClassVar[Refusals] = {
        "already exists": _CHANGED,
        "rate limit": SLOWER,
    }
    zone_list = ZoneList("domains/", paging=_PAGES, id="id")
    set_path = "domains/{zone.id}/records/TXT"

    async def read_set(self, zone: Zone, name: str) -> TxtSet | None:
        """Return the TXT set at the name; its version is its id."""
        path = self.path_of_set(zone, name)
        if name:
            query = {"exact": name}  # without result the answer is 404
            found = await self.api.find(f"{path}/search", list[_Item], query=query, also=_NONE)
        else:
            found = await self.api.find(path, list[_Item], also=_NONE)
        key = next((one.id for one in found or () if one.name == name), None)
        if key is None:
            return None
        whole = await self.api.find(f"{path}/{key}", _Set, also=_NONE)
        if whole is None:
            return None
        values = tuple(unquote_txt(one.value) for one in whole.round_robin)
        return TxtSet(values, whole.ttl, str(key))

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Replace, make or delete the set."""
        values = [{"value": quote_txt(v), "disableFlag": False} for v in change.new.values]
        new = {"name": change.name, "ttl": change.new.ttl, "roundRobin": values}
        key = change.old.version
        path = self.path_of_set(zone, change.name)
        if not values:
            await self.api.delete(f"{path}/{key}")
        elif key:
            await self.api.send("PUT", f"{path}/{key}", json=new, also={404: _CHANGED})
        else:
            await self.api.send("POST", path, json=new)

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Sign the request."""
        time = str(int(self.now().timestamp() * 1000))
        signature = b64encode(hmac_sha1(self.fields["secret"], time)).decode()
        token = f"{self.fields['key']}:{signature}:{time}"
        return request.with_headers({"x-cns-security-token": token})
