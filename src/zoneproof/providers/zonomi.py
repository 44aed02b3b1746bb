"""The provider for Zonomi: queries that set all values of a name, answered in XML."""

from __future__ import annotations

import re
from typing import ClassVar
from xml.etree import ElementTree as ET

from zoneproof.core.errors import ProviderError
from zoneproof.providers.contract import Alias, ProviderInfo, Zone
from zoneproof.providers.fields import token_field
from zoneproof.providers.refusals import ErrorBody, Problem, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_NO_ZONE = "ERROR: No zone found"


class _Errors(ErrorBody):
    """Reads the text of an ``error`` document, which comes with status 500."""

    def read(self, status: int, body: bytes) -> Problem | None:
        found = re.search(rb"<error>(.*?)</error>", body, re.DOTALL)
        if found is None:
            done = status >= 400 or b"<is_ok>OK:" in body
            return None if done else Problem("")
        words = found[1].decode("utf-8", "replace").strip()
        return Problem(words, (_NO_ZONE if words.startswith(_NO_ZONE) else "error",))


class Zonomi(SetsProvider):
    """Sets a name's values with an action for each of them in one request."""

    info = ProviderInfo(
        slug="zonomi",
        title="Zonomi",
        homepage="https://zonomi.com",
        fields=(token_field("key", "API key"),),
        key_url="https://zonomi.com/app/cp/apikeys.jsp",
        api_url="https://zonomi.com/app/dns/dyndns.jsp",
        default_ttl=3600,
        notes="Setting replaces all values at a name, so those that are there are set again with a"
        " new one. RimuHosting has the same API at `https://rimuhosting.com/dns/dyndns.jsp`."
        " Sources: API reference of 2025, recorded exchanges of 2017.",
        least_privilege="A key of the type for DNS, which may change all zones of the account.",
        name_servers=("ns?.zonomi.com",),
        aliases=(
            Alias("acme.sh", "dns_zonomi", {"ZM_Key": "key"}),
            Alias("lego", "zonomi", {"ZONOMI_API_KEY": "key"}),
        ),
    )
    errors = _Errors()
    refusals: ClassVar[Refusals] = {
        _NO_ZONE: Refusal.no_zone("it does not know the zone, or not for this key"),
        "error": Refusal(ProviderError, "it refuses", "check the API key"),
    }
    query = "api_key={key}"
    zone_list = None  # the API cannot list zones

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT values at a name, which are listed as records."""
        query = {"action": "QUERY", "name": zone.record(name).text, "type": "TXT"}
        root = await self.api.get("", ET.Element, query=query)
        if root.find("actions/action") is None:
            raise ProviderError("the answer does not have the values at the name")
        records = [one for one in root.iter("record") if one.get("type") == "TXT"]
        if not records:
            return TxtSet()
        ttl = re.match(r"\d+", records[0].get("ttl", ""))
        values = tuple(one.get("content", "") for one in records)
        return TxtSet(values, int(ttl[0]) if ttl else self.info.default_ttl)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Set all values; those to remove are deleted by themselves, which leaves the others."""
        record = {"name": zone.record(change.name).text, "type": "TXT"}
        actions = [{"action": "DELETE", **record, "value": value} for value in change.removed]
        if not actions:
            new = {"action": "SET", **record, "ttl": str(change.new.ttl)}
            actions = [{**new, "value": value} for value in change.new.values]
        query = actions[0]
        if len(actions) > 1:
            numbered = enumerate(actions, 1)
            query = {f"{key}[{i}]": text for i, one in numbered for key, text in one.items()}
        await self.api.send("GET", query=query, repeatable=False)
