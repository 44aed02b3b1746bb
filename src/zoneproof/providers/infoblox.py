"""The provider for Infoblox NIOS: the WAPI of the grid manager, records one by one."""

from __future__ import annotations

import re
from typing import ClassVar, TypeVar
from urllib.parse import quote

import msgspec

from zoneproof.core.errors import ProviderZoneError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.fields import CA_BUNDLE, CredentialField, server_field, token_field
from zoneproof.providers.lists import StoredTxt, relative_name
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import ALREADY, NOT_ALLOWED, ErrorBody, Refusal, Refusals
from zoneproof.providers.txt_text import quote_txt

_T = TypeVar("_T")

_PAGES = NextWord("_max_results", 1000, at="next_page_id", word="_page_id")
_PART = re.compile(r'"([^"]*)"|(\S+)')  # strings stand in quotes only where they need them
_NO_PARENT = "A parent was not found"
_THERE = "already exists"
_DENIED = "permission"


class _Zone(msgspec.Struct):
    fqdn: str


class _Record(msgspec.Struct):
    ref: str = msgspec.field(name="_ref")
    name: str
    text: str


class Infoblox(RecordsProvider):
    """Posts and deletes TXT records of a view.

    The WAPI puts a record into the closest zone above, so it is first asked for the zone.
    """

    info = ProviderInfo(
        slug="infoblox",
        title="Infoblox",
        homepage="https://www.infoblox.com/products/ddi/",
        fields=(
            server_field("https://gridmanager.example.org"),
            CredentialField("user", "name of a user who may use the API"),
            CredentialField("password", "that user's password", secret=True),
            CredentialField(
                "view", "DNS view that the internet sees; capitals matter", default="default"
            ),
            token_field(
                "wapi_version",
                "version of the WAPI; newer servers know the older ones",
                secret=False,
                default="2.7",
            ),
            CA_BUNDLE,
        ),
        key_url="https://www.infoblox.com/products/ddi/",
        limits=Limits(value_bytes=512, value_pattern=r"[ !#-\[\]-~]*"),
        notes="This is NIOS, which people run themselves; Infoblox Universal DDI (BloxOne) is"
        " another service. lego takes the view `External` where none is set. Quotes and backslashes"
        " in values are refused, because sources do not say how the WAPI reads them; what it"
        " answers is known from exchanges of 2018 and clients of 2024 to 2026.",
        least_privilege="An administrator group with API access only, and a role with read and"
        " write permission for TXT records of the zones needed and read permission for the zones.",
        aliases=(
            Alias("acme.sh", "dns_infoblox", {"Infoblox_View": "view"}),
            Alias(
                "certbot",
                "dns-infoblox",
                {
                    "username": "user",
                    "password": "password",
                    "view": "view",
                    "ca_bundle": "ca_bundle",
                },
            ),
            Alias(
                "lego",
                "infoblox",
                {
                    "INFOBLOX_USERNAME": "user",
                    "INFOBLOX_PASSWORD": "password",
                    "INFOBLOX_DNS_VIEW": "view",
                    "INFOBLOX_WAPI_VERSION": "wapi_version",
                    "INFOBLOX_CA_CERTIFICATE": "ca_bundle",
                    "INFOBLOX_HOST": "server",
                },
                choices={"INFOBLOX_SSL_VERIFY": {"true": ""}},
            ),
        ),
    )
    login = ("user", "password")
    root = "/wapi"
    errors = ErrorBody(
        codes=("code",), messages=("Error", "text"), phrases=(_NO_PARENT, _THERE, _DENIED)
    )
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept user and password", "check that the user's group may use the API"
        ),
        _DENIED: NOT_ALLOWED,
        _NO_PARENT: Refusal.no_zone("it does not have the zone in this view"),
        _THERE: ALREADY,
        "Client.Ibap.Data.NotFound": ALREADY,
    }

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        super().__init__(context)
        self._version = f"v{quote(fields['wapi_version'].removeprefix('v'), safe='')}"
        self._view = fields["view"]

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the authoritative zones of the view; they are known by name."""
        found = await self._list("zone_auth", _Zone, {"zone_format": "FORWARD"}, "fqdn")
        return [(zone.fqdn, "") for zone in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        if not await self._list("zone_auth", _Zone, {"fqdn": zone.name.text}, "fqdn"):
            raise ProviderZoneError(f"the view {self._view} does not have the zone")
        query = {"name": zone.record(name).text}
        found = await self._list("record:txt", _Record, query, "name,text")
        return [
            StoredTxt(one.ref, relative_name(one.name, zone), _value(one.text)) for one in found
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Post the record with its whole name."""
        new = {
            "name": zone.record(record.name).text,
            "text": quote_txt(record.value),
            "ttl": record.ttl,
            "use_ttl": True,
            "view": self._view,
        }
        await self.api.send("POST", f"{self._version}/record:txt", json=new)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its reference."""
        await self.api.delete(f"{self._version}/{quote(stored.id, safe='/:')}")

    async def _list(self, kind: str, of: type[_T], query: dict[str, str], fields: str) -> list[_T]:
        asked = {
            "view": self._view,
            **query,
            "_return_fields": fields,
            "_return_as_object": 1,
            "_paging": 1,
        }
        return await self.api.items(
            f"{self._version}/{kind}",
            of,
            at="result",
            query=asked,
            paging=_PAGES,
        )


def _value(text: str) -> str:
    return "".join(match[1] or match[2] or "" for match in _PART.finditer(text))
