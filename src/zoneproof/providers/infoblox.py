"""The provider for Infoblox NIOS: the WAPI of the grid manager, records one by one."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import ClassVar
from urllib.parse import quote

from zoneproof.core.errors import ProviderZoneError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import CA_BUNDLE, CredentialField, server_field, token_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList, filled_path
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import ALREADY, NOT_ALLOWED, ErrorBody, Refusal, Refusals

_PAGES = NextWord("_max_results", 1000, at="next_page_id", word="_page_id")
_LISTED = {"view": "{view}", "_return_as_object": 1, "_paging": 1}
_PART = re.compile(r'"([^"]*)"|(\S+)')  # strings stand in quotes only where they need them
_NO_PARENT = "A parent was not found"
_THERE = "already exists"
_DENIED = "permission"


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
    zone_list = ZoneList(
        "{version}/zone_auth",
        at="result",
        query={**_LISTED, "zone_format": "FORWARD", "_return_fields": "disable,fqdn"},
        name="fqdn",
        paging=_PAGES,
        without={"disable": True},
    )
    record_list = RecordList(
        "{version}/record:txt",
        at="result",
        query={**_LISTED, "name": "{whole}", "_return_fields": "name,text"},
        id="_ref",
        value="text",
        only={},
        paging=_PAGES,
        new={
            "name": "{whole}",
            "text": "{quoted}",
            "ttl": "{ttl}",
            "use_ttl": True,
            "view": "{view}",
        },
    )

    async def places(self) -> dict[str, str]:
        """Return the fields, with the version as it stands in paths."""
        return {**self.fields, "version": f"v{self.fields['wapi_version'].removeprefix('v')}"}

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name."""
        query = {**_LISTED, "fqdn": zone.name.text, "_return_fields": "fqdn"}
        this = replace(self.zone_list, query=query)
        if not await this.zones(self.api, await self.places()):
            raise ProviderZoneError(f"the view {self.fields['view']} does not have the zone")
        found = await super().list_records(zone, name)
        return [replace(one, value=_value(one.value)) for one in found]

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its reference."""
        version = filled_path("{version}", await self.places())
        await self.api.delete(f"{version}/{quote(stored.id, safe='/:')}")


def _value(text: str) -> str:
    return "".join(match[1] or match[2] or "" for match in _PART.finditer(text))
