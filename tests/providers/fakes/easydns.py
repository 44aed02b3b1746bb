"""easyDNS's REST API for the records of a zone.

Made from the exchanges that dns-lexicon recorded with the sandbox (April 2016): paths, the query,
bodies, names relative to the zone, texts for ids and TTLs, values as they are. Paths, parameters
and parsing agree with them, but that a new record was answered with 500 there, although it was
made. The service's own MCP server (2026) has the same paths; a provider for Terraform (2026), tried
with the sandbox, has pages by ``start`` and ``max``, a request in a second and 500 in a day, 420,
TTLs from 300, errors with status 200; lego (2026) has bodies and words of 420 and 403. That 403 is
the answer for a domain of others, and 401 for wrong keys, is octodns's (2020), which easyDNS wrote.
The body for a record that is there is a recorded one, which had status 409 too.
"""

from __future__ import annotations

import base64
from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, route
from tests.support.fake_http import Reply


def _error(status: int, words: str) -> Reply:
    return Reply(status, {"msg": words, "status": status})


class FakeEasydns(FakeApi):
    sources = "recorded exchanges (2016), the service's MCP server, Terraform and lego (2026)"
    recorded = "agree, but that the sandbox answered 500 to what it had done"
    page_size = 1000
    min_ttl = 300
    lists_zones = False
    refusals = {
        "credentials": _error(401, "Authentication failed"),
        "zone": _error(403, "Access to this domain is denied"),
        "record": _error(404, "Record not found"),
        "invalid": _error(400, "Bad request"),
        "exists": Reply(200, {"error": {"code": 409, "message": "Record already exists"}}),
        "calm": Reply(
            200, {"error": {"code": 420, "message": "Enhance Your Calm. Rate limit exceeded"}}
        ),
    }
    impossible = {
        "permission": "keys may do everything with the account's domains",
        "quota": "no limit of records is described",
    }

    def key_of(self, call: Call) -> str:
        kind, _, key = call.headers.get("authorization", "").partition(" ")
        return base64.b64decode(key).decode() if kind == "Basic" else ""

    @route("GET", "/zones/records/all/{domain}")
    def list_records(self, call: Call) -> Reply:
        zone, first = self.zone(call["domain"]), int(call.query.get("start", 0))
        most = min(int(call.query.get("max", self.page_size)), self.page_size)
        page = [_render(one, zone) for one in zone.records[first : first + most]]
        facts = {"count": len(page), "total": len(zone.records), "start": first, "max": most}
        return Reply(200, {"tm": 1459792084, "data": page, **facts, "status": 200})

    @route("PUT", "/zones/records/add/{domain}/{type}")
    def add_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        name = new["host"].replace("@", "")
        record = self.create(zone, name, call["type"], new["rdata"], new["ttl"])
        return Reply(201, {"msg": "OK", "data": _render(record, zone), "status": 201})

    @route("DELETE", "/zones/records/{domain}/{id}")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call["domain"]), call["id"])
        facts = {"domain": call["domain"], "id": call["id"]}
        return Reply(200, {"msg": "OK", "data": facts, "status": 200})


def _render(record: Record, zone: FakeZone) -> dict[str, Any]:
    facts = {"id": str(record.id), "domain": zone.name, "host": record.name or "@", "prio": "0"}
    return {**facts, "ttl": str(record.ttl), "type": record.type, "rdata": record.value}
