"""ANS's (once UKFast's) SafeDNS API v1 for zones and their records.

Made from the exchanges that dns-lexicon recorded (March 2020): paths, bodies, pages, whole names,
values in quotes, statuses, the body of a 404. Paths and parsing agree with them, but that lexicon
lists all records, and here the service's own client for Go (2025) is followed: filters by name and
type, pages of another size than 10. lego (2026) has the bare key in the header, the TTL and the
body of a 401. What a key without a right is answered is not recorded.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, deletes, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(status: int, title: str, detail: str) -> Reply:
    error = {"title": title, "detail": detail, "status": status, "source": "zone_uri"}
    return Reply(status, {"errors": [error]})


class FakeUkfast(FakeApi):
    sources = "recorded exchanges (2020), the service's client for Go (2025), lego (2026)"
    recorded = "agree, but records are filtered by name and type"
    page_size = 100
    key_line = "Authorization: "
    refusals = {
        "credentials": Reply(401, {"message": "Unauthenticated"}),
        "permission": _error(403, "Forbidden", "The API key may not write"),
        "zone": _error(404, "Zone Not Found", "Zone name not found"),
        "record": _error(404, "Record Not Found", "Record id not found"),
        "invalid": _error(422, "Validation Error", "The record is not valid"),
    }
    impossible = {"quota": "no limit of records is described"}

    @route("GET", "/safedns/v1/zones")
    def list_zones(self, call: Call) -> Reply:
        zones = [{"name": zone.name, "description": ""} for zone in self.allowed_zones()]
        return self._page(call, zones)

    @route("GET", "/safedns/v1/zones/{zone}/records")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["zone"]), call.query
        records = [
            one
            for one in (_render(record, zone) for record in zone.records)
            if one["type"] == wanted.get("type:eq", one["type"])
            and one["name"] == wanted.get("name:eq", one["name"])
        ]
        return self._page(call, records)

    @route("POST", "/safedns/v1/zones/{zone}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"]), call.json
        name = new["name"].removesuffix(zone.name).rstrip(".")
        ttl = new.get("ttl", 86400)
        record = self.create(zone, name, new["type"], unquote_txt(new["content"]), ttl)
        where = f"https://api.ukfast.io{call.path}/{record.id}"
        return Reply(201, {"data": {"id": record.id}, "meta": {"location": where}})

    delete_record = deletes("/safedns/v1/zones/{zone}/records/{id}", Reply(204))

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 10))
        page, last = self.page(items, number, size)
        pages = {"total": len(items), "count": len(page), "per_page": size}
        pages |= {"current_page": number, "total_pages": last}
        return Reply(200, {"data": page, "meta": {"pagination": pages}})


def _render(record: Record, zone: FakeZone) -> dict[str, Any]:
    content = quote_txt(record.value) if record.type == "TXT" else record.value
    facts = {"id": record.id, "name": f"{record.name}.{zone.name}".lstrip(".")}
    return {**facts, "type": record.type, "content": content, "ttl": record.ttl, "priority": None}
