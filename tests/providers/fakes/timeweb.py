"""Timeweb Cloud's API for domains and their records: version 1 to list them, 2 to change them.

Made from the service's own client for Python (sdk-python, July 2026) for paths, limit and offset
and members, from lego (2026) for bodies, refusals and whole names in paths, and from acme.sh (2026)
for lists. What refuses a token without the right is made up.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, route
from tests.support.fake_http import Reply


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"status_code": status, "message": message, "error_code": code})


class FakeTimeweb(FakeApi):
    sources = "the service's own client, lego and acme.sh (2026)"
    page_size = 100
    refusals = {
        "credentials": _error(401, "unauthorized", "Unauthorized"),
        "permission": _error(403, "forbidden", "Forbidden for this token"),
        "zone": _error(404, "not_found", "Domain not found"),
        "record": _error(404, "not_found", "DNS record not found"),
        "invalid": _error(400, "bad_request", "Value must conform to the specified constraints"),
    }
    impossible = {"quota": "no limit of records is documented"}

    @route("GET", "/api/v1/domains")
    def list_domains(self, call: Call) -> Reply:
        domains = [{"fqdn": zone.name, "subdomains": []} for zone in self.allowed_zones()]
        return self._page(call, "domains", domains)

    @route("GET", "/api/v1/domains/{domain}/dns-records")
    def list_records(self, call: Call) -> Reply:
        records = [
            {
                "id": one.id,
                "type": one.type,
                "ttl": None,
                "data": {"value": one.value, **({"subdomain": one.name} if one.name else {})},
            }
            for one in self.zone(call["domain"]).records
        ]
        return self._page(call, "dns_records", records)

    @route("POST", "/api/v2/domains/{fqdn}/dns-records")
    def create_record(self, call: Call) -> Reply:
        zone, name = self.place(call["fqdn"])
        new = call.json
        record = self.create(zone, name, new["type"], new["value"], 600)
        facts = {"id": record.id, "type": record.type, "fqdn": zone.name}
        return Reply(201, {"dns_record": {**facts, "data": {"value": record.value}}})

    @route("DELETE", "/api/v2/domains/{fqdn}/dns-records/{id}")
    def delete_record(self, call: Call) -> Reply:
        zone, _ = self.place(call["fqdn"])
        self.delete(zone, call["id"])
        return Reply(204)

    def _page(self, call: Call, what: str, items: list[dict[str, Any]]) -> Reply:
        first, size = int(call.query["offset"]), min(int(call.query["limit"]), self.page_size)
        return Reply(200, {what: items[first : first + size], "meta": {"total": len(items)}})
