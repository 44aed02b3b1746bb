"""Loopia's XML-RPC API for domains, subdomains and their records.

Made from LoopiaAPI's reference as clients of 2026 follow it (the error words and the limit of 60
calls in a minute: loopiase-python's documentation; methods, parameters and members: lego's bodies
for tests, dnscontrol's types, Posh-ACME). lego adds records without a subdomain being there and
acme.sh adds that before; both work. The longest value is dnscontrol's (July 2025). What a user
without a permission is told is in none of them.
"""

from __future__ import annotations

from typing import Any
from xmlrpc import client as xml_rpc

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply


def _result(value: Any) -> Reply:
    text = xml_rpc.dumps((value,), methodresponse=True, encoding="UTF-8")
    return Reply(200, text.encode(), {"Content-Type": "text/xml"})


class FakeLoopia(FakeApi):
    sources = "clients and their documentation (2025 and 2026)"
    min_ttl = 300
    refusals = {
        "credentials": _result("AUTH_ERROR"),
        "zone": _result("UNKNOWN_ERROR"),
        "record": _result("UNKNOWN_ERROR"),
        "quota": _result("RATE_LIMITED"),
        "invalid": _result("BAD_INDATA"),
    }
    impossible = {"permission": "what a user without a permission is told is not known"}

    def __init__(self) -> None:
        super().__init__()
        self.subdomains: set[tuple[str, str]] = set()  # also those without records

    def key_of(self, call: Call) -> str:
        user, password = _decode(call)[0][:2]
        return f"{user} {password}"

    @route("POST", "/RPCSERV")
    def call(self, call: Call) -> Reply:
        (_, _, *rest), method = _decode(call)
        if method == "getDomains":
            return _result([{"domain": one.name, "paid": 1} for one in self.allowed_zones()])
        zone = self.zone(rest[0])
        self.subdomains |= {(zone.name, one.name) for one in zone.records}
        there = {"", *(name for where, name in self.subdomains if where == zone.name)}
        if method == "getSubdomains":
            return _result(sorted(name or "@" for name in there))
        name = "" if rest[1] == "@" else rest[1]
        if method == "addZoneRecord":
            new = rest[2]
            self.subdomains.add((zone.name, name))
            self.create(zone, name, new["type"], new["rdata"], new["ttl"])
        elif name not in there:
            raise RefusedError("zone")
        elif method == "getZoneRecords":
            return _result(self._records(zone, name))
        elif method == "removeZoneRecord":
            self.delete(zone, str(rest[2]))
        elif method == "removeSubdomain":
            self.subdomains.discard((zone.name, name))
            zone.records[:] = [one for one in zone.records if one.name != name]
        return _result("OK")

    def _records(self, zone: FakeZone, name: str) -> list[dict[str, Any]]:
        return [
            {
                "record_id": one.id,
                "type": one.type,
                "rdata": one.value,
                "ttl": one.ttl,
                "priority": 0,
            }
            for one in zone.records
            if one.name == name
        ]


def _decode(call: Call) -> tuple[Any, str | None]:
    return xml_rpc.loads(call.request.body)
