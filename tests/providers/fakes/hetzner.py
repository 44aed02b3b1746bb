"""Hetzner's Cloud API v1 for DNS: zones, sets of records, and actions on them.

Made from the API reference (docs.hetzner.cloud/reference/cloud, DNS and errors; copies of 2026 in
generated clients) for pages, the TTL's bounds, appending to a set, error codes; and from the
exchanges that dns-lexicon recorded (October 2025 to January 2026): bodies of zones, sets, actions
and the unknown zone. Paths, parameters and parsing agree with them. Hetzner's own client
(hcloud-go, August 2026) has actions below zones/, and all of them at /actions too; what asks for
the actions of one zone was given up in April 2026. lego's bodies and acme.sh (2026) agree on the
actions, and that values are quoted. Adding a value twice is answered as in
the log of issue 213 of Hetzner's own cert-manager-webhook (August 2026). That removing one that is
gone is a 404 is not recorded; a provider that looks first seldom meets it.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, "details": None}})


class FakeHetzner(FakeApi):
    sources = "API reference as generated clients have it (2026), recorded exchanges (2026)"
    recorded = "agree"
    page_size = 50
    min_ttl = 60
    refusals = {
        "credentials": _error(401, "unauthorized", "unable to authenticate"),
        "permission": _error(
            403, "token_readonly", "token is only allowed to perform GET requests"
        ),
        "zone": _error(404, "not_found", "Zone not found"),
        "record": _error(404, "not_found", "RRSet not found"),
        "quota": _error(403, "resource_limit_exceeded", "project limit exceeded: rrset records"),
        "invalid": _error(422, "invalid_input", "invalid input in field 'rr_name'"),
        "identical": _error(422, "invalid_input", "duplicate value '\"Js0yrSqrgLmN7XvUzxlJ\"'"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.failing = False  # whether actions fail
        self.endless = False  # or never end

    @route("GET", "/v1/zones")
    def list_zones(self, call: Call) -> Reply:
        zones = [{"id": i, "name": z.name} for i, z in enumerate(self.allowed_zones(), 53091)]
        return self._page(call, "zones", zones)

    @route("GET", "/v1/zones/{zone}/rrsets")
    def list_rrsets(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["zone"]), call.query
        sets: dict[tuple[str, str], dict[str, Any]] = {}
        for one in zone.records:
            name = one.name or "@"
            if wanted.get("type") in (None, one.type) and wanted.get("name") in (None, name):
                new = {
                    "id": f"{name}/{one.type}",
                    "name": name,
                    "type": one.type,
                    "ttl": one.ttl,
                    "labels": {},
                    "protection": {"change": False},
                    "records": [],
                    "zone": 53091,
                }
                text = quote_txt(one.value) if one.type == "TXT" else one.value
                found = sets.setdefault((name, one.type), new)
                found["records"].append({"value": text, "comment": ""})
        return self._page(call, "rrsets", list(sets.values()))

    @route("POST", "/v1/zones/{zone}/rrsets/{name}/{type}/actions/add_records")
    def add_records(self, call: Call) -> Reply:
        zone, name, there = self._set(call)
        new = self._values(call)
        if set(new) & {one.value for one in there}:
            raise RefusedError("identical")
        ttl = there[0].ttl if there else call.json.get("ttl") or 3600
        values = [*(one.value for one in there), *new]
        self.replace(zone, name, call["type"], values, ttl)
        return self._start("add_rrset_records")

    @route("POST", "/v1/zones/{zone}/rrsets/{name}/{type}/actions/remove_records")
    def remove_records(self, call: Call) -> Reply:
        zone, name, there = self._set(call)
        gone = self._values(call)
        if not set(gone) <= {one.value for one in there}:
            raise RefusedError("record")
        left = [one.value for one in there if one.value not in gone]
        self.replace(zone, name, call["type"], left, there[0].ttl)
        return self._start("remove_rrset_records")

    @route("GET", "/v1/zones/actions/{id}")
    def get_action(self, call: Call) -> Reply:
        status = "running" if self.endless else "error" if self.failing else "success"
        error = {"code": "action_failed", "message": "Action failed"} if self.failing else None
        return Reply(200, {"action": {"id": int(call["id"]), "status": status, "error": error}})

    def _set(self, call: Call) -> tuple[FakeZone, str, list[Record]]:
        zone, name = self.zone(call["zone"]), call["name"].replace("@", "")
        return zone, name, zone.at(name, call["type"])

    def _values(self, call: Call) -> list[str]:
        texts = [one["value"] for one in call.json["records"]]
        if not all(text.startswith('"') for text in texts):
            raise RefusedError("invalid")
        return [unquote_txt(text) for text in texts]

    def _start(self, command: str) -> Reply:
        action = {"id": 604989101982297, "status": "running", "command": command, "progress": 0}
        return Reply(201, {"action": {**action, "error": None, "finished": None}})

    def _page(self, call: Call, what: str, items: list[dict[str, Any]]) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 25))
        page, last = self.page(items, number, size)
        found = {"page": number, "per_page": size, "last_page": last, "total_entries": len(items)}
        after = {"next_page": number + 1 if number < last else None}
        return Reply(200, {"meta": {"pagination": {**found, **after}}, what: page})
