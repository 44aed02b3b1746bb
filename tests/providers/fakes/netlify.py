"""Netlify's API v1 for DNS zones and their records.

Made from the API guide (docs.netlify.com/api-and-cli-guides/api-guides/get-started-with-api, copies
of August 2026) for pages of at most 100 with the next one in the Link header, error bodies and
limits of requests, and from lego's recorded bodies (2026). lego, dnscontrol and acme.sh (2026)
agree on paths, statuses and raw values; lego and dnscontrol on whole names. The 401 is that of a
request that others recorded (2026); what is answered to a token without a right, and to a record
that is there already, is not described.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"code": status, "message": message})


class FakeNetlify(FakeApi):
    sources = "API guide (2026), lego, dnscontrol and acme.sh (2026)"
    page_size = 100
    refusals = {
        "credentials": _error(401, "Access Denied"),
        "zone": _error(404, "Not Found"),
        "record": _error(404, "Not Found"),
        "invalid": _error(422, "Hostname is invalid"),
    }
    impossible = {
        "permission": "what a token without a right is answered is nowhere described",
        "quota": "no limit of records is described",
    }

    @route("GET", "/api/v1/dns_zones")
    def list_zones(self, call: Call) -> Reply:
        return self._page(call, [{"id": z.id, "name": z.name} for z in self.allowed_zones()])

    @route("GET", "/api/v1/dns_zones/{zone}/dns_records")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        return self._page(call, [self._render(one, zone) for one in zone.records])

    @route("POST", "/api/v1/dns_zones/{zone}/dns_records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json
        name = new["hostname"].removesuffix(zone.name).rstrip(".")
        record = self.create(zone, name, new["type"], new["value"], new["ttl"])
        return Reply(201, self._render(record, zone))

    delete_record = deletes("/api/v1/dns_zones/{zone}/dns_records/{id}", Reply(204), by_id=True)

    def _render(self, record: Record, zone: FakeZone) -> dict[str, Any]:
        empty = dict.fromkeys(("priority", "weight", "port", "flag", "tag", "site_id"))
        facts = {"type": record.type, "ttl": record.ttl, "value": record.value, "managed": False}
        hostname = f"{record.name}.{zone.name}".lstrip(".")
        return {"id": str(record.id), "hostname": hostname, **facts, **empty, "errors": []}

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 100))
        page, last = self.page(items, number, size)
        links = [f'<{self.url_of(call, page=last)}>; rel="last"']
        if number < last:
            links.insert(0, f'<{self.url_of(call, page=number + 1)}>; rel="next"')
        return Reply(200, page, {"Link": ", ".join(links)})
