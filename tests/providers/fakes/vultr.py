"""Vultr's API v2 for domains and their records.

Made from the exchanges that dns-lexicon recorded (March 2021), with which paths, parameters and
parsing agree: bodies, cursors, values in quotes, 201 and 204. The API reference (2026, as other
clients quote it) agrees on pages of 500 and on error bodies; lego and dnscontrol (2026) on the
quotes around a value and none within it.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, RefusedError, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"error": message, "status": status})


class FakeVultr(FakeApi):
    sources = "recorded exchanges (2021), lego, dnscontrol and quotations of the reference (2026)"
    recorded = "agree"
    page_size = 500
    refusals = {
        "credentials": _error(401, "Invalid API token."),
        "zone": _error(404, "Domain not found"),
        "record": _error(404, "Record not found"),
        "invalid": _error(400, "Invalid record"),
    }
    impossible = {
        "permission": "a user without Manage DNS is answered in a way that is nowhere described",
        "quota": "no limit of records is described",
    }

    @route("GET", "/v2/domains")
    def list_domains(self, call: Call) -> Reply:
        date = {"date_created": "2021-03-27T09:40:29+00:00"}
        return self._page(
            call, "domains", [{"domain": z.name, **date} for z in self.allowed_zones()]
        )

    @route("GET", "/v2/domains/{domain}/records")
    def list_records(self, call: Call) -> Reply:
        records = self.zone(call["domain"]).records
        return self._page(call, "records", [self._render(one) for one in records])

    @route("POST", "/v2/domains/{domain}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        value = new["data"]
        if new["type"] == "TXT":
            if value[0] != '"' or value[-1] != '"' or '"' in value[1:-1]:
                raise RefusedError("invalid")
            value = value[1:-1]
        record = self.create(zone, new["name"], new["type"], value, new["ttl"])
        return Reply(201, {"record": self._render(record)})

    delete_record = deletes("/v2/domains/{zone}/records/{id}", Reply(204))

    def _render(self, record: Record) -> dict[str, Any]:
        data = f'"{record.value}"' if record.type == "TXT" else record.value
        facts = {"name": record.name, "type": record.type, "data": data, "ttl": record.ttl}
        return {"id": str(record.id), **facts, "priority": -1}

    def _page(self, call: Call, what: str, items: list[dict[str, Any]]) -> Reply:
        number, size = int(call.query.get("cursor") or 1), int(call.query.get("per_page", 100))
        page, last = self.page(items, number, size)
        links = {"next": str(number + 1) if number < last else "", "prev": ""}
        return Reply(200, {what: page, "meta": {"total": len(items), "links": links}})
