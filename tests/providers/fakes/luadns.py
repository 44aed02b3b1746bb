"""LuaDNS's API v1 for zones and their records.

Made from the API reference (luadns.com/api.html, stored copies of 2025) for statuses, error bodies,
lists without pages unless a limit is asked for, the Accept header that all requests should have,
and keys for a single zone. The exchanges that dns-lexicon recorded (March 2018) agree on paths,
parameters and parsing: whole names with a dot, raw values, 200 for everything. LuaDNS's own clients
in Go and Ruby hold recorded answers (2023): that of a wrong key, 429 with Retry-After, and errors
in a list. lego (2026) names the least TTL; dnscontrol and acme.sh (2026) agree on the rest. The
words of 403 and 404 are not recorded.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, route
from tests.support.fake_http import Reply

_TIME = "2023-08-25T09:07:17Z"


def _error(status: int, kind: str, message: str) -> Reply:
    return Reply(status, {"status": kind, "request_id": "-000046", "message": message})


class FakeLuadns(FakeApi):
    sources = (
        "recorded exchanges (2018), the service's own clients (2023), lego and dnscontrol (2026)"
    )
    recorded = "agree"
    min_ttl = 300
    first_id = 39105
    accepts = "application/json"
    refusals = {
        "credentials": _error(401, "Unauthorized", "Invalid API Key"),
        "permission": _error(403, "Forbidden", "Operation not allowed"),
        "zone": _error(404, "Not Found", "Zone not found"),
        "record": _error(404, "Not Found", "Record not found"),
        "invalid": Reply(400, [{"fieldNames": ["name"], "message": "invalid name"}]),
    }
    impossible = {"quota": "what a full zone answers is nowhere described"}

    @route("GET", "/v1/zones")
    def list_zones(self, call: Call) -> Reply:
        facts = {"synced": True, "queries_count": 0, "template_id": 0}
        return Reply(
            200, [{"id": int(z.id), "name": z.name, **facts} for z in self.allowed_zones()]
        )

    @route("GET", "/v1/zones/{zone}/records")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        return Reply(200, [self._render(one, zone) for one in zone.records])

    @route("POST", "/v1/zones/{zone}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json
        name = new["name"].removesuffix(f"{zone.name}.").rstrip(".")
        record = self.create(zone, name, new["type"], new["content"], new["ttl"])
        return Reply(200, self._render(record, zone))

    @route("DELETE", "/v1/zones/{zone}/records/{id}")
    def delete_record(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        rendered = self._render(self.find(zone, call["id"]), zone)
        self.delete(zone, call["id"])
        return Reply(200, rendered)

    def _render(self, record: Record, zone: FakeZone) -> dict[str, Any]:
        return {
            "id": record.id,
            "name": f"{record.name}.{zone.name}.".lstrip("."),
            "type": record.type,
            "content": record.value,
            "ttl": record.ttl,
            "zone_id": int(zone.id),
            "generated": False,
            "created_at": _TIME,
            "updated_at": _TIME,
        }
