"""Domeneshop's API v0 for domains and their DNS records.

Made from the service's OpenAPI file (as of 2026): paths, filters, bodies, one page of each list,
statuses, TTLs, values as they are. The notes of a client for PHP (2026), whose makers compared the
file with the service, correct it: 403 with ``resource:unauthorized`` for a domain that is not the
account's, 404 with ``resource:unknown`` for a record that is gone, 401. The service's own clients
for Python have ``code`` and ``help`` in errors; lego, acme.sh and its certbot plugin agree with the
rest. The words of ``help`` are not recorded.
"""

from __future__ import annotations

import base64
from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, RefusedError, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, code: str, words: str) -> Reply:
    return Reply(status, {"code": code, "help": words})


class FakeDomeneshop(FakeApi):
    sources = "OpenAPI file and a client's notes on it (2026), lego and acme.sh (2026)"
    min_ttl = 60
    first_id = 123456
    refusals = {
        "credentials": _error(401, "authentication:failed", "Check your token and its secret."),
        "zone": _error(403, "resource:unauthorized", "You do not have access to this domain."),
        "record": _error(404, "resource:unknown", "The resource does not exist."),
        "invalid": _error(400, "validation:failed", "The DNS record is not valid."),
    }
    impossible = {
        "permission": "a token may do everything with the account's domains",
        "quota": "no limit of records is described",
    }

    def key_of(self, call: Call) -> str:
        kind, _, key = call.headers.get("authorization", "").partition(" ")
        return base64.b64decode(key).decode() if kind == "Basic" else ""

    @route("GET", "/v0/domains")
    def list_domains(self, call: Call) -> Reply:
        services = {"registrar": True, "dns": True, "email": False, "webhotel": "none"}
        elsewhere = {"id": 1, "domain": "elsewhere.example", "services": {**services, "dns": False}}
        domains = [
            {"id": int(zone.id), "domain": zone.name, "status": "active", "services": services}
            for zone in self.allowed_zones()
        ]
        return Reply(200, [elsewhere, *domains])

    @route("GET", "/v0/domains/{domain}/dns")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["domain"], by_id=True), call.query
        records = [_render(one) for one in zone.records]
        return Reply(200, [one for one in records if one.items() >= wanted.items()])

    @route("POST", "/v0/domains/{domain}/dns")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"], by_id=True), call.json
        if new["ttl"] % 60 or new["ttl"] > 604800:
            raise RefusedError("invalid")
        name = new["host"].replace("@", "")
        record = self.create(zone, name, new["type"], new["data"], new["ttl"])
        return Reply(201, {"id": record.id})

    delete_record = deletes("/v0/domains/{zone}/dns/{id}", Reply(204), by_id=True)


def _render(record: Record) -> dict[str, Any]:
    facts = {"id": record.id, "host": record.name or "@", "ttl": record.ttl}
    return {**facts, "type": record.type, "data": record.value}
