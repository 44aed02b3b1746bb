"""hosting.de's API v1 for zones: finding by filters, and changes that block a zone for a while.

Made from the exchanges that dns-lexicon recorded (August 2019): the filter by a zone's name, pages
of 25, whole names, values in quotes when they come back, errors with status 200, 10205 for a zone
that is busy, ``zoneUpdate`` with the whole configuration of the zone. Paths, parameters and parsing
agree with them, but that records are read by ``zonesFind``, as dnscontrol does and a client for
TypeScript in tests against the service (2026), that values are sent with quotes, as lego, acme.sh
and dnscontrol do (2026), and that they are removed by name and value, as lego and acme.sh do. The
code for a wrong key is acme.sh's, its words are not recorded; nor is what removing a record that is
gone is answered, which a provider that looks first seldom meets.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(code: int, text: str, value: str = "") -> Reply:
    error = {"code": code, "contextObject": "", "contextPath": "", "text": text, "value": value}
    return Reply(200, {"errors": [{**error, "details": []}], "status": "error", "warnings": []})


class FakeHostingDe(FakeApi):
    sources = "recorded exchanges (2019), lego, acme.sh, dnscontrol and another client (2026)"
    recorded = "agree, but records are read by zonesFind, and removed by value instead of id"
    page_size = 500
    min_ttl = 60
    refusals = {
        "credentials": _error(10109, "The API key is invalid or could not be found."),
        "invalid": _error(10000, "The record is not valid."),
        "busy": _error(
            10205,
            "The current status of an object you are trying to use does not allow that operation.",
            "blocked",
        ),
    }
    impossible = {
        "permission": "what a key without a right is answered is nowhere recorded",
        "zone": "an unknown zone is answered with an empty list",
        "quota": "no limit of records is described",
    }

    def __init__(self) -> None:
        super().__init__()
        self.busy = 0  # so many more changes meet a zone that is busy

    def key_of(self, call: Call) -> str:
        return str(call.json.get("authToken", ""))

    @route("POST", "/api/dns/v1/json/zoneConfigsFind")
    def find_configs(self, call: Call) -> Reply:
        return self._found(call, [self._config(zone) for zone in self._filtered(call)])

    @route("POST", "/api/dns/v1/json/zonesFind")
    def find_zones(self, call: Call) -> Reply:
        found = [
            {
                "zoneConfig": self._config(zone),
                "records": [self._render(o, zone) for o in zone.records],
            }
            for zone in self._filtered(call)
        ]
        return self._found(call, found)

    @route("POST", "/api/dns/v1/json/zoneUpdate")
    def update_zone(self, call: Call) -> Reply:
        zone = self.zone(call.json["zoneConfig"]["name"])
        if call.json["zoneConfig"] != self._config(zone):
            raise RefusedError("invalid")
        if self.busy:
            self.busy -= 1
            raise RefusedError("busy")
        before = list(zone.records)
        try:
            self._change(zone, call.json)
        except RefusedError:
            zone.records[:] = before
            raise
        return _success({"zoneConfig": self._config(zone), "records": []}, "pending")

    def _change(self, zone: FakeZone, change: dict[str, Any]) -> None:
        for new in change["recordsToAdd"]:
            name = new["name"].removesuffix(zone.name).rstrip(".")
            self.create(zone, name, new["type"], unquote_txt(new["content"]), new["ttl"])
        for gone in change["recordsToDelete"]:
            for one in list(zone.records):
                if self._render(one, zone).items() >= gone.items():
                    self.delete(zone, str(one.id))

    def _filtered(self, call: Call) -> list[FakeZone]:
        if "filter" not in call.json:
            return self.allowed_zones()
        assert call.json["filter"]["field"] == "zoneName"
        try:
            return [self.zone(call.json["filter"]["value"])]
        except RefusedError:
            return []

    def _found(self, call: Call, items: list[Any]) -> Reply:
        number, limit = call.json["page"], call.json["limit"]
        page, last = self.page(items, number, limit)
        counts = {"totalEntries": len(items), "totalPages": last if items else 0}
        return _success({"data": page, "limit": limit, "page": number, **counts})

    def _config(self, zone: FakeZone) -> dict[str, Any]:
        facts = {"id": zone.id, "name": zone.name, "nameUnicode": zone.name, "status": "active"}
        soa = {"refresh": 86400, "retry": 7200, "expire": 3600000, "ttl": 86400, "negativeTtl": 900}
        others = {"emailAddress": f"hostmaster@{zone.name}", "dnsSecMode": "off", "type": "NATIVE"}
        return {**facts, **others, "soaValues": soa, "templateValues": None, "masterIp": ""}

    def _render(self, record: Record, zone: FakeZone) -> dict[str, Any]:
        content = quote_txt(record.value) if record.type == "TXT" else record.value
        name = f"{record.name}.{zone.name}".lstrip(".")
        facts = {"id": str(record.id), "name": name, "type": record.type, "content": content}
        return {**facts, "ttl": record.ttl, "priority": None, "zoneConfigId": zone.id}


def _success(response: dict[str, Any], status: str = "success") -> Reply:
    return Reply(200, {"errors": [], "response": response, "status": status, "warnings": []})
