"""Hostinger's API for domains and the sets of records of their DNS zones.

Made from the documentation of the service's own client for Python (2026): paths, bodies, the Accept
header, sets that are replaced or appended to, filters of a deletion, statuses. lego (2026) has
bodies of records and errors, values as they are; scripts of users (2026) agree, and take quotes
away that may come back. What an unknown domain is answered is not described: the usual status.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply

_DONE = Reply(200, {"message": "Request accepted"})


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"message": message, "correlation_id": "26a91bd9"})


class FakeHostinger(FakeApi):
    sources = "documentation of the service's client for Python, lego (2026)"
    accepts = "application/json"
    refusals = {
        "credentials": _error(401, "Unauthenticated"),
        "zone": _error(404, "The domain was not found"),
        "invalid": _error(422, "The name field is not valid."),
    }
    impossible = {
        "permission": "a token may do all that its user may",
        "quota": "no limit of records is described",
    }

    @route("GET", "/api/domains/v1/portfolio")
    def list_domains(self, call: Call) -> Reply:
        free = {"id": 1, "domain": None, "type": "free_domain", "status": "pending_setup"}
        domains = [
            {"id": i, "domain": zone.name, "type": "domain", "status": "active"}
            for i, zone in enumerate(self.allowed_zones(), 2)
        ]
        return Reply(200, [free, *domains])

    @route("GET", "/api/dns/v1/zones/{domain}")
    def get_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        keys = dict.fromkeys((one.name, one.type) for one in zone.records)
        return Reply(200, [_render(zone, *key) for key in keys])

    @route("PUT", "/api/dns/v1/zones/{domain}")
    def update_records(self, call: Call) -> Reply:
        zone, before = self.zone(call["domain"]), list(self.zone(call["domain"]).records)
        try:
            for new in call.json["zone"]:
                name, kind = new["name"].replace("@", ""), new["type"]
                values = [one["content"] for one in new["records"]]
                if not call.json["overwrite"]:
                    values = [*(one.value for one in zone.at(name, kind)), *values]
                self.replace(zone, name, kind, values, new["ttl"])
        except RefusedError:
            zone.records[:] = before
            raise
        return _DONE

    @route("DELETE", "/api/dns/v1/zones/{domain}")
    def delete_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        for gone in call.json["filters"]:
            self.replace(zone, gone["name"].replace("@", ""), gone["type"], [], self.min_ttl)
        return _DONE


def _render(zone: FakeZone, name: str, kind: str) -> dict[str, Any]:
    records = zone.at(name, kind)
    contents = [{"content": one.value, "is_disabled": False} for one in records]
    return {"name": name or "@", "type": kind, "ttl": records[0].ttl, "records": contents}
