"""All-Inkl's KAS API: get_domains, get_dns_settings, add_dns_settings, delete_dns_settings.

Made from All-Inkl's own reference (kasapi.kasserver.com/dokumentation, stored copies of 2025: login
by password, actions, parameters, faults of each action) and from the exchanges among lego's tests
(2021, flood_protection 2025): envelopes, maps of PHP, KasFloodDelay, faults with status 200.
acme.sh (2026) agrees with both, and on the namespace and the dot at the end of zone_host.
"""

from __future__ import annotations

import json
from typing import Any
from xml.sax.saxutils import escape

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.refusals import parse_xml

_SOAP = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<SOAP-ENV:Envelope'
    ' xmlns:SOAP-ENV="http://schemas.xmlsoap.org/soap/envelope/"'
    ' xmlns:ns1="https://kasapi.kasserver.com/soap/KasApi.php"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:xsd="http://www.w3.org/2001/XMLSchema" xmlns:ns2="http://xml.apache.org/xml-soap">'
    "<SOAP-ENV:Body>{}</SOAP-ENV:Body></SOAP-ENV:Envelope>"
)


def _fault(word: str, detail: str = "") -> Reply:
    fault = f"<faultcode>SOAP-ENV:Server</faultcode><faultstring>{word}</faultstring>"
    detail = f"<faultactor>KasApi</faultactor><detail>{detail}</detail>"
    return Reply(200, _SOAP.format(f"<SOAP-ENV:Fault>{fault}{detail}</SOAP-ENV:Fault>").encode())


class FakeAllInkl(FakeApi):
    sources = "reference (2025), exchanges in lego's tests (2021, 2025), acme.sh (2026)"
    refusals = {
        "credentials": _fault("kas_login_syntax_incorrect"),
        "permission": _fault("dns_settings_not_allowed"),
        "zone": _fault("zone_syntax_incorrect", "unknown.example"),
        "record": _fault("record_id_not_found"),
        "quota": _fault("flood_protection", "0.0688529014587"),
        "invalid": _fault("record_name_syntax_incorrect"),
        "exists": _fault("record_already_exists"),
    }

    def key_of(self, call: Call) -> str:
        given = self._params(call)
        return str(given["kas_auth_data"]) if given["kas_auth_type"] == "plain" else ""

    def _params(self, call: Call) -> Any:
        return json.loads(parse_xml(call.request.body).findtext("Body/KasApi/Params", ""))

    @route("POST", "/soap/KasApi.php")
    def action(self, call: Call) -> Reply:
        action, given = self._params(call)["kas_action"], self._params(call)["KasRequestParams"]
        if action == "get_domains":
            return done([{"domain_name": one.name} for one in self.allowed_zones()])
        if action == "delete_dns_settings":
            for zone in self.allowed_zones():
                if any(str(one.id) == given["record_id"] for one in zone.records):
                    self.delete(zone, given["record_id"])
                    return done("true")
            raise RefusedError("record")
        zone = self.zone(given["zone_host"].removesuffix("."))
        if action == "get_dns_settings":
            fixed = {"record_name": "", "record_type": "NS", "record_data": "ns5.kasserver.com."}
            return done(
                [
                    {"record_zone": zone.name, **fixed, "record_id": 0},
                    *(
                        {
                            "record_zone": zone.name,
                            "record_name": one.name,
                            "record_type": one.type,
                            "record_data": one.value,
                            "record_aux": 0,
                            "record_id": str(one.id),
                        }
                        for one in zone.records
                    ),
                ]
            )
        name, data = given["record_name"], given["record_data"]
        return done(str(self.create(zone, name, given["record_type"], data, 7200).id))


def done(info: object) -> Reply:
    """Return the answer to what was done."""
    whole = {"Response": {"KasFloodDelay": 0.5, "ReturnString": "TRUE", "ReturnInfo": info}}
    response = f"<ns1:KasApiResponse><return>{_php(whole)}</return></ns1:KasApiResponse>"
    return Reply(200, _SOAP.format(response).encode())


def _php(value: object) -> str:
    if isinstance(value, list):
        return "".join(f'<item xsi:type="ns2:Map">{_php(one)}</item>' for one in value)
    if isinstance(value, dict):
        return "".join(
            f'<item><key xsi:type="xsd:string">{key}</key><value>{_php(one)}</value></item>'
            for key, one in value.items()
        )
    return escape(str(value))
