"""The provider for a Technitium DNS Server: records one by one, found by their name."""

from __future__ import annotations

from typing import ClassVar, Generic, TypeVar

import msgspec

from zoneproof.core.errors import ProviderError, ProviderZoneError
from zoneproof.providers.api_client import ApiAnswer
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CA_BUNDLE, server_field, token_field
from zoneproof.providers.lists import StoredTxt, ZoneList, relative_name
from zoneproof.providers.refusals import ALREADY, NO_ZONE, ErrorBody, Refusal, Refusals

T = TypeVar("T")

_STRING = 255  # characters, where the server cuts a text
_DENIED = "access was denied"
_NO_ZONE = "no such zone was found"
_CNAME = "a CNAME record cannot exists with other record types"
_GONE = "no such record exists"
_THERE = "record already exists."


class _Zone(msgspec.Struct):
    name: str


class _Data(msgspec.Struct, rename="camel"):
    text: str = ""
    character_strings: list[str] = []


class _Record(msgspec.Struct, rename="camel"):
    name: str
    type: str
    r_data: _Data


class _Records(msgspec.Struct):
    zone: _Zone
    records: list[_Record]


class _Answer(msgspec.Struct, Generic[T]):
    response: T


class Technitium(RecordsProvider):
    """Adds and deletes TXT records by their value; the server refuses the same one twice.

    Where it does not have the zone, it takes the closest one above: its answers say which.
    """

    info = ProviderInfo(
        slug="technitium",
        title="Technitium DNS Server",
        homepage="https://technitium.com/dns/",
        fields=(
            server_field("https://dns.example.org:53443"),
            token_field("token", "API token of a user"),
            CA_BUNDLE,
        ),
        key_url="https://github.com/TechnitiumSoftware/DnsServer/blob/master/APIDOCS.md",
        limits=Limits(value_pattern="[ -~]*"),
        notes="In a cluster, give the primary node: the others cannot be changed. The server takes"
        " dynamic updates with TSIG too, for which the provider `rfc2136` and a policy for"
        " `_acme-challenge` names are the narrower way.",
        least_privilege="A user of its own without rights to any section, who may view, modify and"
        " delete in the permissions of the zones needed; the token is made in that user's menu."
        " It can change every record of these zones.",
        aliases=(
            Alias(
                "acme.sh",
                "dns_technitium",
                {"Technitium_Server": "server", "Technitium_Token": "token"},
            ),
            Alias("certbot", "dns-technitium", {"api_url": "server", "api_token": "token"}),
            Alias(
                "lego",
                "technitium",
                {"TECHNITIUM_SERVER_BASE_URL": "server", "TECHNITIUM_API_TOKEN": "token"},
            ),
        ),
    )
    root = "/api/zones"
    errors = ErrorBody(
        codes=("status",),
        messages=("errorMessage",),
        success=("status", "ok"),
        phrases=(_DENIED, _NO_ZONE, _CNAME, _GONE, _THERE),
    )
    refusals: ClassVar[Refusals] = {
        "invalid-token": Refusal.wrong_key("it does not accept the token", "make another one"),
        _DENIED: Refusal.not_allowed(
            "the token's user may not do this",
            "let the user view, modify and delete in the zone's permissions",
        ),
        _NO_ZONE: NO_ZONE,
        _CNAME: Refusal(
            ProviderError, "there is a CNAME", "remove it, or let it lead to a zone of its own"
        ),
        _GONE: ALREADY,
        _THERE: ALREADY,
    }
    zone_list = ZoneList(
        "list",
        form={"token": "{token}"},
        at="response.zones",
        only={"type": "Primary"},
        without={"internal": True, "disabled": True},
    )

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name; the id has the strings of those cut otherwise."""
        query = {"domain": zone.record(name).text, "zone": zone.name.text}
        answer = await self._call("records/get", query, reads=True)
        found = self.api.read(answer, _Answer[_Records]).response
        if found.zone.name.lower() != zone.name.text:
            raise ProviderZoneError("it does not have the zone", changed_nothing=True)
        return [
            StoredTxt(_cut(one.r_data), relative_name(one.name, zone), one.r_data.text)
            for one in found.records
            if one.type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record."""
        new = {"text": record.value, "ttl": str(record.ttl)}
        await self._call("records/add", {**_txt_at(zone, record.name), **new})

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its value."""
        text = {"text": stored.id, "splitText": "true"} if stored.id else {"text": stored.value}
        await self._call("records/delete", {**_txt_at(zone, stored.name), **text})

    async def _call(self, path: str, form: dict[str, str], *, reads: bool = False) -> ApiAnswer:
        # Versions before 15 take the token only as a parameter; later ones take that too.
        whole = {"token": self.fields["token"], **form}
        return await self.api.send("POST", path, form=whole, repeatable=reads)


def _txt_at(zone: Zone, name: str) -> dict[str, str]:
    return {"domain": zone.record(name).text, "zone": zone.name.text, "type": "TXT"}


def _cut(data: _Data) -> str:
    usual = [data.text[i : i + _STRING] for i in range(0, len(data.text), _STRING)]
    if data.character_strings in ([], usual):
        return ""
    escaped = (one.replace("\\", "\\\\").replace("\n", "\\n") for one in data.character_strings)
    return "\n".join(escaped)
