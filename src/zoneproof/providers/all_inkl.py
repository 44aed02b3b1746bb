"""The provider for All-Inkl's KAS: SOAP with JSON inside, and a pause that each answer asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar
from xml.etree import ElementTree as ET

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import Body
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import StoredTxt, relative_name
from zoneproof.providers.refusals import ALREADY, NO_ZONE, SLOWER, ErrorBody, Refusal, Refusals

T = TypeVar("T")

_SOAP = "http://schemas.xmlsoap.org/soap/envelope/"
_KAS = "urn:xmethodsKasApi"
_LOGIN = Refusal.wrong_key("it does not accept login and password")


class _Domain(msgspec.Struct):
    domain_name: str


class _Record(msgspec.Struct):
    record_id: str
    record_name: str
    record_type: str
    record_data: str


class AllInkl(RecordsProvider):
    """Adds and deletes records by the id that a zone's list has. One request runs at a time."""

    info = ProviderInfo(
        slug="all-inkl",
        title="All-Inkl",
        homepage="https://all-inkl.com",
        fields=(
            CredentialField("login", "KAS login, such as w0123456"),
            CredentialField("password", "KAS password", secret=True),
        ),
        key_url="https://kas.all-inkl.com",
        api_url="https://kasapi.kasserver.com/soap/KasApi.php",
        limits=Limits(has_ttl=False),
        notes="The service asks for a pause after each request, of half a second to some seconds: a"
        " certificate with many names takes a while.",
        least_privilege="A subaccount of the KAS that has only the domains in question, with the"
        " right to change DNS settings; the KAS has no keys apart from the password.",
        name_servers=("ns5.kasserver.com", "ns6.kasserver.com"),
        aliases=(
            Alias("acme.sh", "dns_kas", {"KAS_Login": "login", "KAS_Authdata": "password"}),
            Alias("lego", "allinkl", {"ALL_INKL_LOGIN": "login", "ALL_INKL_PASSWORD": "password"}),
        ),
    )
    at_once = 1
    headers = f"SOAPAction: {_KAS}#KasApi"
    by_name = False
    errors = ErrorBody(
        codes=("Body/Fault/faultstring",),
        messages=("Body/Fault/faultstring",),
        success=("Body/Fault", None),
        phrases=("kas_login", "kas_password", "kas_auth", "kas_access_forbidden"),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(errors.phrases, _LOGIN),
        **dict.fromkeys(("flood_protection", "in_progress"), SLOWER),
        **dict.fromkeys(("zone_not_found", "zone_syntax_incorrect"), NO_ZONE),
        **dict.fromkeys(("record_already_exists", "record_id_not_found"), ALREADY),
        "dns_settings_not_allowed": Refusal.not_allowed(
            "the account may not change DNS settings",
            "the main account can allow it to a subaccount",
        ),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains; they are known by name."""
        return [(one.domain_name, "") for one in await self._list("get_domains", {}, _Domain)]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the zone's TXT records."""
        found = await self._list("get_dns_settings", {"zone_host": f"{zone.name}."}, _Record)
        return [
            StoredTxt(one.record_id, relative_name(one.record_name, zone), one.record_data)
            for one in found
            if one.record_type == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record, whose name is relative to the zone."""
        new = {"zone_host": f"{zone.name}.", "record_type": "TXT", "record_name": record.name}
        await self._call(
            "add_dns_settings", {**new, "record_data": record.value, "record_aux": "0"}
        )

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id."""
        await self._call("delete_dns_settings", {"record_id": stored.id})

    async def _list(self, action: str, parameters: Mapping[str, str], of: type[T]) -> list[T]:
        found = await self._call(action, parameters)
        try:
            # An empty list has no items, and so looks like an empty text.
            return msgspec.convert([] if found == "" else found, list[of])  # type: ignore[valid-type]
        except msgspec.ValidationError as error:
            raise ProviderError(f"the answer to {action} is not as expected: {error}") from error

    async def _call(self, action: str, parameters: Mapping[str, str]) -> object:
        """Return what the service calls ReturnInfo."""
        whole = {
            "kas_login": self.fields["login"],
            "kas_auth_type": "plain",
            "kas_auth_data": self.fields["password"],
            "kas_action": action,
            "KasRequestParams": parameters,
        }
        envelope = ET.Element("Envelope", xmlns=_SOAP)
        call = ET.SubElement(ET.SubElement(envelope, "Body"), "KasApi", xmlns=_KAS)
        ET.SubElement(call, "Params").text = msgspec.json.encode(whole).decode()
        reading = action.startswith("get_")
        answer = await self.api.send("POST", body=Body.xml(envelope), repeatable=reading)
        result = self.api.read(answer, ET.Element).find("Body/KasApiResponse/return")
        found = {} if result is None else _value(result)
        response = found.get("Response") if isinstance(found, dict) else None
        if not isinstance(response, dict) or response.get("ReturnString") != "TRUE":
            raise ProviderError(f"the answer to {action} does not say that it was done")
        self.api.pace.rest(float(response.get("KasFloodDelay") or 0))
        return response.get("ReturnInfo")


def _value(element: ET.Element) -> Any:
    """Return a value of the XML as PHP writes it: a map, a list or a text."""
    items = element.findall("item")
    if not items:
        return (element.text or "").strip() if element.get("nil") is None else ""
    if items[0].find("key") is None:
        return [_value(one) for one in items]
    values = ((one.findtext("key", ""), one.find("value")) for one in items)
    return {key: "" if value is None else _value(value) for key, value in values}
