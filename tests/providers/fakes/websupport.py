"""Websupport's API: zones by version 1, DNS records by version 2.

Made from two clients that agree, Posh-ACME and lego (2026): signatures of method, path and time,
headers with the time, ids of services, whole names when records are read and relative ones when
they are written, values as they are, error bodies of both versions. The service's certbot plugin
(2026) has the list of zones, with names in Unicode; scripts of users (2024) have the pages. The
reference of version 1 (rest.websupport.sk/docs, 2026) has the Accept header, and zones without
pages unless they are asked for. What an unknown service is answered, and how a zone's own name is
written, is not recorded.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, deletes, route
from tests.support.fake_http import Reply, after
from zoneproof.providers.signatures import hmac_sha1


def _error(status: int, kind: str, title: str) -> Reply:
    return Reply(status, {"type": f"/errors/{kind}", "status": status, "title": title})


class FakeWebsupport(FakeApi):
    sources = "Posh-ACME, lego and the service's certbot plugin (2026)"
    page_size = 100
    first_id = 1111
    accepts = "application/json"
    refusals = {
        "credentials": Reply(401, {"message": "No username or password.", "code": 401}),
        "permission": _error(403, "httpException", "This action is unauthorized."),
        "zone": _error(404, "httpException", "The service was not found at all."),
        "record": _error(404, "httpException", "The record was not found at all."),
        "invalid": _error(422, "validation", "The given data was invalid."),
    }
    impossible = {"quota": "no limit of records is described"}

    def key_of(self, call: Call) -> str:
        """Return the key and the secret that the request was signed with."""
        login = base64.b64decode(after(call.headers.get("authorization", ""), "Basic "))
        version_1 = call.path.startswith("/v1/")
        stamp = call.headers.get("date" if version_1 else "x-date", "")
        moment = datetime.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        text = f"{call.request.method} {call.path} {int(moment.timestamp())}"
        for known in self.keys:
            key, _, secret = known.partition(" ")
            if login.decode() == f"{key}:{hmac_sha1(secret, text).hex()}":
                return known
        return ""

    @route("GET", "/v1/user/self/zone")
    def list_zones(self, call: Call) -> Reply:
        zones = [{"id": int(zone.id), "name": zone.name} for zone in self.allowed_zones()]
        pager = {"page": 1, "pagesize": None, "items": len(zones)}
        return Reply(200, {"items": [*zones, {"id": 1, "name": None}], "pager": pager})

    @route("GET", "/v2/service/{service}/dns/record")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["service"], by_id=True)
        number, size = int(call.query.get("page", 1)), int(call.query.get("rowsPerPage", 20))
        page, last = self.page(zone.records, number, size)
        pages = {"currentPage": number, "rowsPerPage": size, "totalPages": last}
        return Reply(200, {**pages, "data": [_render(one, zone) for one in page]})

    @route("POST", "/v2/service/{service}/dns/record")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["service"], by_id=True), call.json
        self.create(zone, new["name"].replace("@", ""), new["type"], new["content"], new["ttl"])
        return Reply(204)

    delete_record = deletes("/v2/service/{zone}/dns/record/{id}", Reply(204), by_id=True)


def _render(record: Record, zone: FakeZone) -> dict[str, Any]:
    facts = {"id": record.id, "name": f"{record.name}.{zone.name}".lstrip(".")}
    return {**facts, "type": record.type, "content": record.value, "ttl": record.ttl}
