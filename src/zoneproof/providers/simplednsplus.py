"""The provider for Simple DNS Plus: version 2 of its HTTP API, records changed one by one."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CA_BUNDLE, CredentialField, server_field
from zoneproof.providers.lists import RecordList, StoredTxt
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals


class _Zone(msgspec.Struct, rename="pascal"):
    name: str
    type: str = ""


class SimpleDnsPlus(RecordsProvider):
    """Adds and removes TXT records of a zone, which is read as a whole."""

    info = ProviderInfo(
        slug="simplednsplus",
        title="Simple DNS Plus",
        homepage="https://simpledns.com/help/how-to-use-the-http-api",
        fields=(
            server_field("https://dns.example.org:8053, or with /v2 if version 1 is on too"),
            CredentialField("user", "name for the HTTP API; empty if it asks for none", default=""),
            CredentialField(
                "password", "password for the HTTP API", secret=True, default="", needed_with="user"
            ),
            CA_BUNDLE,
        ),
        key_url="https://simpledns.com/help/how-to-use-the-http-api",
        limits=Limits(value_pattern="[A-Za-z0-9_.:=+/-]{1,255}"),
        notes="Choose Basic authentication and a URL prefix with HTTPS in the options of the HTTP"
        " API, which listens only on the machine itself at first. Known from two clients, of 2026"
        " and older; the manufacturer shows the specification only on the server itself. So only"
        " values without spaces and quotes are taken, for which both agree.",
        least_privilege="The HTTP API has one login, which may do everything with the server.",
    )
    login = ("user", "password")
    errors = ErrorBody(messages=("Message", "message"))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept user and password",
            "compare them with the server's options for the HTTP API",
        ),
        406: Refusal(ProviderError, "it cannot do this"),
    }
    by_name = False
    record_list = RecordList(
        "zones/{zone.name}/records",
        id="",
        name="Name",
        value="Data",
        only={"Type": "TXT"},
        quoted=True,
    )

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the primary zones; they are known by name."""
        found = await self.api.get("zones", list[_Zone])
        return [(zone.name, "") for zone in found if zone.type.lower() == "primary"]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record with its whole name."""
        await self._change(zone, record.name, {"Data": record.value, "TTL": record.ttl})

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Remove the record by its value."""
        await self._change(zone, stored.name, {"Data": stored.value, "Remove": True})

    async def _change(self, zone: Zone, name: str, what: dict[str, object]) -> None:
        change = {"Name": zone.record(name).text, "Type": "TXT", **what}
        await self.api.send("PATCH", f"zones/{zone.name}/records", json=[change])
