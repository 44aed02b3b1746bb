"""InterNetX's JSON API for AutoDNS: zones by name and name server, and streams of changes.

Made from two clients that agree on names relative to the zone, values as they are, the list of
zones and its view, a zone by its name and system name server: dnscontrol and dokploy (2026).
dokploy has the stream with additions and removals in one request, and 404 with EF13012 for a user
whom the system does not know; lego (2025) has the stream, the parts of answers, and a real refusal
with EF02022 of a record that is there; a webhook for cert-manager (2026) has EF02021 for one that
there is not. What a user without a right, and a zone that is unknown, are answered is not recorded:
the usual statuses.
"""

from __future__ import annotations

import base64
from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply


def _error(status: int, code: str, text: str) -> Reply:
    message = {"text": text, "code": code, "status": "ERROR"}
    outcome = {"code": "E0202002", "text": "Zone could not be updated.", "type": "ERROR"}
    return Reply(status, {"stid": "20251121-app1-1", "messages": [message], "status": outcome})


class FakeAutodns(FakeApi):
    sources = "lego (2025, with a real refusal), dnscontrol, dokploy and a webhook (2026)"
    page_size = 100
    refusals = {
        "credentials": _error(404, "EF13012", "This subuser is not available in this system."),
        "permission": _error(403, "EF00000", "The user does not have the right for this task."),
        "zone": _error(404, "EF00000", "The zone is not available to this user."),
        "exists": _error(400, "EF02022", "The additional record was entered twice."),
        "record": _error(400, "EF02021", "The record that is to be removed does not exist."),
        "invalid": _error(400, "EF00000", "The value of the record is not valid."),
    }
    impossible = {"quota": "what is answered beyond 10,000 records of a zone is not recorded"}

    def key_of(self, call: Call) -> str:
        kind, _, key = call.headers.get("authorization", "").partition(" ")
        login = base64.b64decode(key).decode() if kind == "Basic" else ""
        return f"{login} {call.headers.get('x-domainrobot-context')}"

    def add_zone(self, name: str, key: str = "") -> FakeZone:
        return super().add_zone(name, key or f"a{len(self.zones)}.ns14.net")

    @route("POST", "/v1/zone/_search")
    def search(self, call: Call) -> Reply:
        first, limit = call.json["view"]["offset"], call.json["view"]["limit"]
        zones = [
            {"origin": zone.name, "virtualNameServer": zone.id}
            for zone in self.allowed_zones()[first : first + limit]
        ]
        return _success(zones, len(self.allowed_zones()))

    @route("GET", "/v1/zone/{name}/{server}")
    def get_zone(self, call: Call) -> Reply:
        zone = self._find(call)
        soa = {"refresh": 43200, "ttl": 86400}
        facts = {"origin": zone.name, "soa": soa, "virtualNameServer": zone.id}
        return _success([{**facts, "resourceRecords": [*map(_render, zone.records)]}], 1)

    @route("POST", "/v1/zone/{name}/{server}/_stream")
    def stream(self, call: Call) -> Reply:
        zone = self._find(call)
        before = list(zone.records)
        try:
            for new in call.json["adds"]:
                self.create(zone, new["name"], new["type"], new["value"], new["ttl"])
            for gone in call.json["rems"]:
                self._remove(zone, gone)
        except RefusedError:
            zone.records[:] = before
            raise
        return _success([{"origin": zone.name, "virtualNameServer": zone.id}], 1)

    def _find(self, call: Call) -> FakeZone:
        zone = self.zone(call["name"])
        if zone.id != call["server"]:
            raise RefusedError("zone")
        return zone

    def _remove(self, zone: FakeZone, gone: dict[str, Any]) -> None:
        for one in zone.records:
            if _render(one).items() >= gone.items():
                self.delete(zone, str(one.id))
                return
        raise RefusedError("record")


def _render(record: Record) -> dict[str, Any]:
    facts = {"name": record.name, "type": record.type, "value": record.value}
    return {**facts, "ttl": record.ttl}


def _success(data: list[Any], summary: int) -> Reply:
    outcome = {"code": "S0205", "text": "Done.", "type": "SUCCESS"}
    found = {"type": "Zone", "summary": summary}
    return Reply(200, {"stid": "20251121-app1-1", "status": outcome, "object": found, "data": data})
