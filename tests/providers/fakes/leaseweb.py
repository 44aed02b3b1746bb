"""Leaseweb's Domains API v2 for domains and their sets of records.

Made from the service's OpenAPI file (as its client for Go has it, 2025): paths, bodies, statuses,
errors, TXT values in quotes, whole names with their last dot. lego (2026) and the certbot plugin
(2025) agree, name the TTLs that are taken, that a PUT takes no name, and how domains are listed;
both send values bare.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_TTLS = (60, 300, 1800, 3600, 14400, 28800, 43200, 86400)


def _error(status: int, message: str) -> Reply:
    error = {"correlationId": "289346a1", "errorCode": str(status), "errorMessage": message}
    return Reply(status, error)


class FakeLeaseweb(FakeApi):
    sources = "OpenAPI file (2025), lego and a certbot plugin (2026)"
    page_size = 100
    min_ttl = 60
    key_line = "X-Lsw-Auth: "
    refusals = {
        "credentials": _error(401, "You are not authorized to view this resource."),
        "permission": _error(403, "Access to the requested resource is forbidden."),
        "zone": _error(404, "Resource not found"),
        "record": _error(404, "Resource not found"),
        "invalid": _error(400, "The API could not interpret your request correctly."),
    }
    impossible = {"quota": "no limit of records is described"}

    @route("GET", "/hosting/v2/domains")
    def list_domains(self, call: Call) -> Reply:
        first, limit = int(call.query.get("offset", 0)), int(call.query.get("limit", 10))
        zones = self.allowed_zones() if call.query.get("type") == "dns" else []
        facts = {"totalCount": len(zones), "offset": first, "limit": limit}
        domains = [{"domainName": zone.name} for zone in zones[first : first + limit]]
        return Reply(200, {"_metadata": facts, "domains": domains})

    @route("GET", "/hosting/v2/domains/{domain}/resourceRecordSets/{name}/{type}")
    def get_set(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        name = _name(call["name"], zone)
        if not zone.at(name, call["type"]):
            raise RefusedError("record")
        return Reply(200, self._render(zone, name, call["type"]))

    @route("POST", "/hosting/v2/domains/{domain}/resourceRecordSets")
    def create_set(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        name, kind = _name(new["name"], zone), new["type"]
        if zone.at(name, kind):
            raise RefusedError("invalid")
        self._write(zone, name, kind, new)
        return Reply(201, self._render(zone, name, kind))

    @route("PUT", "/hosting/v2/domains/{domain}/resourceRecordSets/{name}/{type}")
    def update_set(self, call: Call) -> Reply:
        zone, kind = self.zone(call["domain"]), call["type"]
        name = _name(call["name"], zone)
        if not zone.at(name, kind):
            raise RefusedError("record")
        if call.json.keys() != {"content", "ttl"}:
            raise RefusedError("invalid")
        self._write(zone, name, kind, call.json)
        return Reply(200, self._render(zone, name, kind))

    @route("DELETE", "/hosting/v2/domains/{domain}/resourceRecordSets/{name}/{type}")
    def delete_set(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        name = _name(call["name"], zone)
        if not zone.at(name, call["type"]):
            raise RefusedError("record")
        self.replace(zone, name, call["type"], [], self.min_ttl)
        return Reply(204)

    def _write(self, zone: FakeZone, name: str, kind: str, new: dict[str, Any]) -> None:
        if new["ttl"] not in _TTLS or not new["content"]:
            raise RefusedError("invalid")
        self.replace(zone, name, kind, map(unquote_txt, new["content"]), new["ttl"])

    def _render(self, zone: FakeZone, name: str, kind: str) -> dict[str, Any]:
        records = zone.at(name, kind)
        content = [quote_txt(one.value) if kind == "TXT" else one.value for one in records]
        whole = f"{name}.{zone.name}.".lstrip(".")
        return {"name": whole, "type": kind, "content": content, "ttl": records[0].ttl}


def _name(name: str, zone: FakeZone) -> str:
    assert name.endswith(f"{zone.name}.")
    return name.removesuffix(f"{zone.name}.").rstrip(".")
