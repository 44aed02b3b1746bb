"""Scaleway's Domains and DNS API v2beta1: zones, and records that are changed in batches.

Made from the exchanges that dns-lexicon recorded (November 2025): paths, pages, bodies, values in
quotes, 403 for an unknown zone. Paths, parameters and parsing agree with them, but that lexicon
deletes by id and sends values without quotes. lego and acme.sh (2026) delete by name, type and
value, lego with quotes, and lego forbids new zones; Scaleway's own client in Go (2026) names these
fields, the kinds of errors and the zones of subdomains. That removing what is gone is a 404 is not
recorded; a provider that looks first seldom meets it.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_DETAIL = {
    "argument_name": "name",
    "reason": "constraint",
    "help_message": "is not a valid name of a record",
}


def _error(status: int, kind: str, message: str, *details: dict[str, str]) -> Reply:
    return Reply(status, {"details": list(details), "message": message, "type": kind})


class FakeScaleway(FakeApi):
    sources = "recorded exchanges (2025), lego and the service's own client (2026)"
    recorded = "agree, but values are sent in quotes and removed by value instead of id"
    page_size = 100
    min_ttl = 60
    key_line = "X-Auth-Token: "
    refusals = {
        "credentials": _error(401, "denied_authentication", "authentication is denied"),
        "permission": _error(403, "permissions_denied", "insufficient permissions"),
        "zone": Reply(403, {"message": "domain not found"}),
        "record": _error(404, "not_found", "resource is not found"),
        "quota": _error(403, "quotas_exceeded", "quota exceeded for this resource"),
        "invalid": _error(400, "invalid_arguments", "invalid argument(s)", _DETAIL),
    }

    @route("GET", "/domain/v2beta1/dns-zones")
    def list_zones(self, call: Call) -> Reply:
        zones = []
        for zone in self.allowed_zones():
            first, _, rest = zone.name.partition(".")
            below = "." in rest  # a zone of a subdomain
            names = {"domain": rest if below else zone.name, "subdomain": first if below else ""}
            zones.append({**names, "status": "active", "ns": ["ns0.dom.scw.cloud"]})
        return self._page(call, "dns_zones", zones)

    @route("GET", "/domain/v2beta1/dns-zones/{zone}/records")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["zone"]), call.query
        records = [
            self._render(one)
            for one in zone.records
            if wanted.get("type") in (None, one.type) and wanted.get("name") in (None, one.name)
        ]
        return self._page(call, "records", records)

    @route("PATCH", "/domain/v2beta1/dns-zones/{zone}/records")
    def change_records(self, call: Call) -> Reply:
        zone, before = self.zone(call["zone"]), list(self.zone(call["zone"]).records)
        if not call.json["disallow_new_zone_creation"]:
            raise RefusedError("invalid")
        try:
            for change in call.json["changes"]:
                self._change(zone, change)
        except RefusedError:
            zone.records[:] = before
            raise
        return Reply(200, {"records": []})

    def _change(self, zone: FakeZone, change: dict[str, Any]) -> None:
        for new in change.get("add", {}).get("records", []):
            self.create(zone, new["name"], new["type"], unquote_txt(new["data"]), new["ttl"])
        if "delete" in change:
            gone = change["delete"]["id_fields"]
            for one in zone.at(gone["name"], gone["type"]):
                if self._render(one)["data"] == gone["data"]:
                    self.delete(zone, str(one.id))
                    return
            raise RefusedError("record")

    def _render(self, record: Record) -> dict[str, Any]:
        data = quote_txt(record.value) if record.type == "TXT" else record.value
        facts = {"id": str(record.id), "name": record.name, "type": record.type, "data": data}
        return {**facts, "priority": 0, "ttl": record.ttl, "comment": None}

    def _page(self, call: Call, what: str, items: list[dict[str, Any]]) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("page_size", 20))
        return Reply(200, {"total_count": len(items), what: self.page(items, number, size)[0]})
