"""IONOS Cloud's DNS API (1.17): zones, and the records of all zones.

Made from the service's own client for Go (sdk-go-dns, February 2025) for paths, filters, offset and
limit, members, states, and from lego's recorded bodies (2026), which agree; acme.sh (2026) has the
statuses of what goes on after the answer. That the zone itself is called ``@`` is made up, and so
are the words of refusals but those for a wrong token.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"httpStatus": status, "messages": [_message(code, message)]})


def _message(code: str, message: str) -> dict[str, str]:
    return {"errorCode": code, "message": message}


class FakeIonosCloud(FakeApi):
    sources = "the service's own client (2025), exchanges in lego's tests, acme.sh (2026)"
    page_size = 1000
    min_ttl = 60
    refusals = {
        "credentials": _error(
            401,
            "paas-auth-1",
            "Unauthorized, wrong or no api key provided to process this request",
        ),
        "permission": _error(403, "paas-auth-2", "The token may not manage DNS"),
        "zone": _error(404, "dns-zone-1", "The zone does not exist"),
        "record": _error(404, "dns-record-1", "The record does not exist"),
        "invalid": _error(400, "dns-record-2", "The name of the record is not valid"),
    }
    impossible = {"quota": "what it answers beyond the quota is not known"}

    @route("GET", "/zones")
    def list_zones(self, call: Call) -> Reply:
        zones = [
            {"id": z.id, "type": "zone", "properties": {"zoneName": z.name, "enabled": True}}
            for z in self.allowed_zones()
        ]
        return self._page(call, zones)

    @route("GET", "/records")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call.query["filter.zoneId"], by_id=True), call.query
        records = [
            self._render(zone.id, one, "AVAILABLE")
            for one in zone.records
            if one.type == wanted["filter.type"] and wanted.get("filter.name", "") in one.name
        ]
        return self._page(call, records)

    @route("POST", "/zones/{zone}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json["properties"]
        name = new["name"].replace("@", "")
        record = self.create(zone, name, new["type"], new["content"], new["ttl"])
        return Reply(202, self._render(zone.id, record, "PROVISIONING"))

    delete_record = deletes("/zones/{zone}/records/{id}", Reply(202, {}), by_id=True)

    def _render(self, zone: str, record: Record, state: str) -> dict[str, Any]:
        facts = {"name": record.name or "@", "type": record.type, "content": record.value}
        properties = {**facts, "ttl": record.ttl, "priority": 0, "enabled": True}
        metadata = {"state": state, "zoneId": zone}
        return {"id": str(record.id), "type": "record", "metadata": metadata} | {
            "properties": properties
        }

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        first, size = int(call.query["offset"]), min(int(call.query["limit"]), self.page_size)
        facts = {"type": "collection", "offset": first, "limit": size}
        return Reply(200, {**facts, "items": items[first : first + size], "_links": {}})
