"""DigitalOcean's API v2 for domains and their records.

Made from the API reference (docs.digitalocean.com/products/networking/dns/reference/api, edited
March and April 2026) and its OpenAPI file (github.com/digitalocean/openapi,
specification/resources/domains, 2025): paths, filters, pages, status codes. Error bodies, and
records as they really are returned, from the exchanges that dns-lexicon recorded (March 2020),
with which paths, parameters and parsing agree. dnscontrol's tests (2021, 2023, its source of 2026)
found that backslashes are refused, and values of more than about 500 bytes, quotes and escapes
counted.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, RefusedError, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, word: str, message: str) -> Reply:
    return Reply(status, {"id": word, "message": message})


class FakeDigitalOcean(FakeApi):
    sources = "API reference and OpenAPI file (2026), recorded exchanges (2020)"
    recorded = "agree"
    page_size = 200
    min_ttl = 30
    refusals = {
        "credentials": _error(401, "unauthorized", "Unable to authenticate you"),
        "permission": _error(403, "forbidden", "You are not authorized to perform this operation"),
        "zone": _error(404, "not_found", "The resource you were accessing could not be found."),
        "record": _error(404, "not_found", "The resource you were accessing could not be found."),
        "quota": _error(429, "too_many_requests", "API rate limit exceeded."),
        "invalid": _error(422, "unprocessable_entity", "Name is not a valid host name."),
    }

    @route("GET", "/v2/domains")
    def list_domains(self, call: Call) -> Reply:
        return self._page(call, "domains", [{"name": z.name} for z in self.allowed_zones()])

    @route("GET", "/v2/domains/{domain}/records")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        kind, name = call.query.get("type"), call.query.get("name")
        records = [
            self._render(one)
            for one in zone.records
            if kind in (None, one.type) and name in (None, f"{one.name}.{zone.name}".lstrip("."))
        ]
        return self._page(call, "domain_records", records)

    @route("POST", "/v2/domains/{domain}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        name = "" if new["name"] == "@" else new["name"]
        if "\\" in new["data"] or len(new["data"].encode()) > 500:
            raise RefusedError("invalid")
        record = self.create(zone, name, new["type"], new["data"], new["ttl"])
        return Reply(201, {"domain_record": self._render(record)})

    delete_record = deletes("/v2/domains/{zone}/records/{id}", Reply(204))

    def _render(self, record: Record) -> dict[str, Any]:
        empty = dict.fromkeys(("priority", "port", "weight", "flags", "tag"))
        found = {"id": record.id, "type": record.type, "data": record.value, "ttl": record.ttl}
        return {**found, "name": record.name or "@", **empty}

    def _page(self, call: Call, what: str, items: list[dict[str, Any]]) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 20))
        page, last = self.page(items, number, size)
        links = {"pages": {"next": self.url_of(call, page=number + 1)}} if number < last else {}
        return Reply(200, {what: page, "links": links, "meta": {"total": len(items)}})
