"""Gcore's DNS API v2 for zones and their sets of records.

Made from the service's own client for Go (2026): paths, offsets and limits, error bodies, a 404 for
a set that there is not, 409 for one that is there (as in its certbot plugin, 2023). lego and
dnscontrol (2026) agree, and have the parts of a set, values as they are in a list of one, and the
kind of token; acme.sh (2024) has the words for a missing and for an existing set. Codes for a wrong
token are the usual ones; their words are not recorded.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"error": message})


class FakeGcore(FakeApi):
    sources = "the service's client for Go, lego and dnscontrol (2026), acme.sh (2024)"
    page_size = 100
    refusals = {
        "credentials": _error(401, "invalid token"),
        "permission": _error(403, "access is denied"),
        "zone": _error(404, "zone is not found"),
        "record": _error(404, "record is not found"),
        "exists": _error(409, "rrset is already exists"),
        "invalid": _error(400, "the rrset is not valid"),
    }
    impossible = {"quota": "what is answered beyond the plan's limit is nowhere recorded"}

    def __init__(self) -> None:
        super().__init__()
        self.settings: dict[tuple[str, str], dict[str, Any]] = {}  # of sets, by zone and name

    def key_of(self, call: Call) -> str:
        kind, _, key = call.headers.get("authorization", "").partition(" ")
        return key if kind == "APIKey" else ""

    @route("GET", "/dns/v2/zones")
    def list_zones(self, call: Call) -> Reply:
        first, limit = int(call.query.get("offset", 0)), int(call.query.get("limit", 100))
        zones = self.allowed_zones()
        items = [{"id": i, "name": one.name} for i, one in enumerate(zones[first : first + limit])]
        return Reply(200, {"zones": items, "total_amount": len(zones)})

    @route("GET", "/dns/v2/zones/{zone}/{name}/{type}")
    def get_set(self, call: Call) -> Reply:
        zone, name = self._find(call)
        if not zone.at(name, call["type"]):
            raise RefusedError("record")
        return Reply(200, self._render(zone, name, call["type"]))

    @route("POST", "/dns/v2/zones/{zone}/{name}/{type}")
    def create_set(self, call: Call) -> Reply:
        zone, name = self._find(call)
        if zone.at(name, call["type"]):
            raise RefusedError("exists")
        return self._write(zone, name, call)

    @route("PUT", "/dns/v2/zones/{zone}/{name}/{type}")
    def update_set(self, call: Call) -> Reply:
        zone, name = self._find(call)
        if not zone.at(name, call["type"]):
            raise RefusedError("record")
        return self._write(zone, name, call)

    @route("DELETE", "/dns/v2/zones/{zone}/{name}/{type}")
    def delete_set(self, call: Call) -> Reply:
        zone, name = self._find(call)
        if not zone.at(name, call["type"]):
            raise RefusedError("record")
        self.replace(zone, name, call["type"], [], self.min_ttl)
        return Reply(204)

    def _find(self, call: Call) -> tuple[FakeZone, str]:
        zone = self.zone(call["zone"])
        return zone, call["name"].removesuffix(zone.name).rstrip(".")

    def _write(self, zone: FakeZone, name: str, call: Call) -> Reply:
        new = call.json
        values = ["".join(one["content"]) for one in new["resource_records"]]
        records = self.replace(zone, name, call["type"], values, new["ttl"])
        for record, one in zip(records, new["resource_records"], strict=True):
            record.extra = {key: one[key] for key in ("enabled", "meta") if key in one}
        self.settings[zone.name, name] = {
            key: new[key] for key in ("meta", "pickers", "filter_set_id") if key in new
        }
        return Reply(200, self._render(zone, name, call["type"]))

    def _render(self, zone: FakeZone, name: str, kind: str) -> dict[str, Any]:
        records = [
            {"id": one.id, "content": [one.value], "enabled": True, "meta": {}, **one.extra}
            for one in zone.at(name, kind)
        ]
        facts = {"id": 3089769, "name": f"{name}.{zone.name}".lstrip("."), "type": kind, "meta": {}}
        others = {
            "filter_set_id": None,
            "pickers": None,
            **self.settings.get((zone.name, name), {}),
        }
        ttl = zone.at(name, kind)[0].ttl
        return {**facts, "ttl": ttl, "updated_at": 1, **others, "resource_records": records}
