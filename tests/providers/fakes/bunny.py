"""bunny.net's API for DNS zones and their records.

Made from the API reference (docs.bunny.net/reference, dnszonepublic, copies of February 2026) for
paths, pages, statuses and error bodies, and from a mock server that its makers compared with the
real service (sipico/bunny-api-proxy, February 2026): error keys, 201 and 204. lego, acme.sh,
dnscontrol and Posh-ACME (2026) agree on types as numbers, raw values and on PUT, which adds a
record each time; lego names the least TTL, dnscontrol the @. That listed zones come with their
records, simple-acme makes use of (2026). The words of a 401 are not recorded.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, deletes, route
from tests.support.fake_http import Reply

_TYPES = {"A": 0, "AAAA": 1, "CNAME": 2, "TXT": 3, "MX": 4}


def _error(status: int, key: str, field: str, message: str) -> Reply:
    return Reply(status, {"ErrorKey": key, "Field": field, "Message": message})


class FakeBunny(FakeApi):
    sources = "API reference (2026), a mock server compared with it, lego and dnscontrol (2026)"
    page_size = 1000
    min_ttl = 60
    key_line = "Accesskey: "
    first_id = 12345
    refusals = {
        "credentials": _error(401, "unauthorized", "", "The request authorization failed"),
        "zone": _error(404, "dnszone.zone.not_found", "Id", "The requested DNS zone was not found"),
        "record": _error(
            404, "dnszone.record.not_found", "RecordId", "The requested DNS record was not found"
        ),
        "invalid": _error(400, "validation_error", "Name", "The name is not valid"),
    }
    impossible = {
        "permission": "what a key without a right is answered is nowhere described",
        "quota": "what a full zone answers is nowhere described",
    }

    @route("GET", "/dnszone")
    def list_zones(self, call: Call) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("perPage", 1000))
        page, last = self.page(self.allowed_zones(), number, size)
        items = [self._with_records(zone) for zone in page]
        found = {"CurrentPage": number, "TotalItems": len(self.allowed_zones())}
        return Reply(200, {**found, "HasMoreItems": number < last, "Items": items})

    @route("GET", "/dnszone/{zone}")
    def get_zone(self, call: Call) -> Reply:
        return Reply(200, self._with_records(self.zone(call["zone"], by_id=True)))

    @route("PUT", "/dnszone/{zone}/records")
    def add_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json
        kind = next(name for name, number in _TYPES.items() if number == new["Type"])
        name = new["Name"].replace("@", "")
        return Reply(201, self._render(self.create(zone, name, kind, new["Value"], new["Ttl"])))

    delete_record = deletes("/dnszone/{zone}/records/{id}", Reply(204), by_id=True)

    def _with_records(self, zone: FakeZone) -> dict[str, Any]:
        servers = {"Nameserver1": "kiki.bunny.net", "Nameserver2": "coco.bunny.net"}
        facts = {"Id": int(zone.id), "Domain": zone.name, **servers, "DnsSecEnabled": False}
        return {**facts, "Records": [self._render(one) for one in zone.records]}

    def _render(self, record: Record) -> dict[str, Any]:
        facts = {"Id": record.id, "Type": _TYPES[record.type], "Ttl": record.ttl}
        return {**facts, "Value": record.value, "Name": record.name, "Disabled": False}
