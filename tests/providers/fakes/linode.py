"""Linode's API v4 for domains and their records.

Made from the API reference (techdocs.akamai.com/linode-api/reference, stored copies of 2025) and
clients generated from its OpenAPI file (2025 and 2026): pages, page_size, X-Filter, valid TTLs and
how others are raised, 12,000 records of a domain. Bodies from the exchanges that dns-lexicon
recorded (May 2018), with which paths, parameters and parsing agree; lego and dnscontrol (2026)
agree on raw values and on what the filter is for. The words for a token without the scope, with
status 401, are those that other clients met (2025). Linode's own client in Go (2026) tries again
what is answered "Linode busy." with status 400; its tests have what is told of tokens.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, deletes, route
from tests.support.fake_http import Reply

_TTLS = (30, 120, 300, 3600, 7200, 14400, 28800, 57600, 86400, 172800, 345600, 604800)


def _error(status: int, reason: str) -> Reply:
    return Reply(status, {"errors": [{"reason": reason}]})


class FakeLinode(FakeApi):
    sources = "API reference (2025), recorded exchanges (2018), lego and dnscontrol (2026)"
    recorded = "agree"
    page_size = 500
    min_ttl = 30
    first_id = 1065421
    refusals = {
        "credentials": _error(401, "Invalid Token"),
        "permission": _error(401, "Your OAuth token is not authorized to use this endpoint."),
        "zone": _error(404, "Not found"),
        "record": _error(404, "Not found"),
        "invalid": _error(400, "Invalid hostname"),
    }
    impossible = {"quota": "how a domain with 12,000 records answers is nowhere described"}

    @route("GET", "/v4/profile/tokens")
    def list_tokens(self, call: Call) -> Reply:
        end = f"{self.expires:%Y-%m-%dT%H:%M:%S}" if self.expires else None
        own = {"id": 124, "label": "dns", "token": call.bearer[:16], "expiry": end}
        other = {"id": 123, "label": "other", "token": "0" * 16, "expiry": "2024-09-10T12:00:00"}
        return self._page(call, [other, own])

    @route("GET", "/v4/domains")
    def list_domains(self, call: Call) -> Reply:
        facts = {"type": "master", "status": "active", "ttl_sec": 0}
        zones = self.allowed_zones()
        return self._page(call, [{"id": int(z.id), "domain": z.name, **facts} for z in zones])

    @route("GET", "/v4/domains/{domain}/records")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"], by_id=True)
        wanted = json.loads(call.headers.get("x-filter", "{}"))
        rendered = [self._render(one) for one in zone.records]
        return self._page(call, [one for one in rendered if one.items() >= wanted.items()])

    @route("POST", "/v4/domains/{domain}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"], by_id=True), call.json
        ttl = next(ttl for ttl in _TTLS if ttl >= new["ttl_sec"])
        record = self.create(zone, new["name"], new["type"], new["target"], ttl)
        return Reply(200, self._render(record))

    delete_record = deletes("/v4/domains/{zone}/records/{id}", Reply(200, {}), by_id=True)

    def _render(self, record: Record) -> dict[str, Any]:
        numbers = dict.fromkeys(("priority", "weight", "port"), 0)
        empty = dict.fromkeys(("tag", "service", "protocol"))
        facts = {"name": record.name, "type": record.type, "target": record.value}
        return {"id": record.id, **facts, "ttl_sec": record.ttl, **numbers, **empty}

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("page_size", 100))
        page, last = self.page(items, number, size)
        return Reply(200, {"data": page, "page": number, "pages": last, "results": len(items)})
