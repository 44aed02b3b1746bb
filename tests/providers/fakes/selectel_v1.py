"""Selectel's DNS API, version 1.

Made from two clients that agree: lego (July 2026) for paths, bodies and the form of refusals, and
octodns-selectel (April 2026) for pages, statuses and the least TTL. Words of refusals are made up.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"error": message, "code": status, "field": ""})


class FakeSelectelV1(FakeApi):
    sources = "two clients (2026)"
    page_size = 50
    min_ttl = 60
    key_line = "X-Token: "
    first_id = 5001
    refusals = {
        "credentials": _error(401, "Unauthorized"),
        "permission": _error(403, "Access is not allowed"),
        "zone": _error(404, "domain_not_found"),
        "record": _error(404, "record_not_found"),
        "invalid": _error(400, "invalid name"),
    }
    impossible = {"quota": "no source shows what it answers"}

    @route("GET", "/domains/v1/")
    def list_domains(self, call: Call) -> Reply:
        zones = [{"id": int(zone.id), "name": zone.name} for zone in self.allowed_zones()]
        return self._list(call, zones)

    @route("GET", "/domains/v1/{zone}/records/")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        return self._list(call, [_render(zone.name, one) for one in zone.records])

    @route("POST", "/domains/v1/{zone}/records/")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json
        name = new["name"].removesuffix(zone.name).rstrip(".")
        record = self.create(zone, name, new["type"], new["content"], new["ttl"])
        return Reply(200, _render(zone.name, record))

    delete_record = deletes("/domains/v1/{zone}/records/{id}", Reply(204), by_id=True)

    def _list(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        first, size = int(call.query.get("offset", 0)), min(int(call.query["limit"]), 50)
        return Reply(200, items[first : first + size], {"X-Total-Count": str(len(items))})


def _render(zone: str, record: Record) -> dict[str, Any]:
    name = f"{record.name}.{zone}".lstrip(".")
    facts = {"id": record.id, "type": record.type, "ttl": record.ttl}
    return {**facts, "name": name, "content": record.value}
