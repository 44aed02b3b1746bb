"""Constellix's API v1 for domains and their TXT sets.

Made from lego (2026, with bodies from Constellix's documentation of 2020): paths, search, pages by
offset and max, the security token; and from the exchanges that dns-lexicon recorded (April 2018),
with which paths and bodies agree: it lists all sets where lego and this provider search. acme.sh
(2026) agrees on search. The words for wrong keys and unknown domains are made up.
"""

from __future__ import annotations

from base64 import b64encode
from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.signatures import hmac_sha1
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"errors": [message]})


class FakeConstellix(FakeApi):
    sources = "lego (2026), recorded exchanges (2018), acme.sh (2026)"
    recorded = "agree, but for a list of all sets where this provider searches"
    first_id = 23906
    refusals = {
        "credentials": _error(401, "The security token is not valid"),
        "permission": _error(403, "The user has no permission for this domain"),
        "zone": _error(404, "Domain is not found"),
        "record": _error(404, "Record is not found"),
        "quota": _error(429, "Rate limit exceeded"),
        "invalid": _error(400, "Name is not valid"),
        "exists": _error(400, '"TXT" record with name "x" in GTD Region "Default" already exists'),
    }

    def key_of(self, call: Call) -> str:
        _, found, time = call.headers.get("x-cns-security-token", "::").split(":")
        for secret in self.keys:
            if b64encode(hmac_sha1(secret, time)).decode() == found:
                return secret
        return ""

    @route("GET", "/v1/domains/")
    def list_domains(self, call: Call) -> Reply:
        first, size = int(call.query.get("offset", 0)), int(call.query.get("max", 100))
        zones = self.allowed_zones()[first : first + size]
        return Reply(200, [{"id": int(zone.id), "name": zone.name} for zone in zones])

    @route("GET", "/v1/domains/{id}/records/TXT")
    def list_sets(self, call: Call) -> Reply:
        zone = self.zone(call["id"], by_id=True)
        names = dict.fromkeys(one.name for one in zone.records if one.type == "TXT")
        return Reply(200, [self._render(zone, name) for name in names])

    @route("GET", "/v1/domains/{id}/records/TXT/search")
    def exact_search(self, call: Call) -> Reply:
        zone, name = self.zone(call["id"], by_id=True), call.query["exact"]
        if not zone.at(name):
            raise RefusedError("record")
        return Reply(200, [{"id": self._first(zone, name).id, "name": name, "type": "TXT"}])

    @route("GET", "/v1/domains/{id}/records/TXT/{record}")
    def get_set(self, call: Call) -> Reply:
        zone = self.zone(call["id"], by_id=True)
        return Reply(200, self._render(zone, self.find(zone, call["record"]).name))

    @route("POST", "/v1/domains/{id}/records/TXT")
    def create_set(self, call: Call) -> Reply:
        zone, name = self.zone(call["id"], by_id=True), call.json["name"]
        if zone.at(name):
            raise RefusedError("exists")
        self._write(zone, name, call.json)
        return Reply(201, [self._render(zone, name)])

    @route("PUT", "/v1/domains/{id}/records/TXT/{record}")
    def replace_set(self, call: Call) -> Reply:
        zone = self.zone(call["id"], by_id=True)
        self._write(zone, self.find(zone, call["record"]).name, call.json)
        return Reply(200, {"success": "Record  updated successfully"})

    @route("DELETE", "/v1/domains/{id}/records/TXT/{record}")
    def delete_set(self, call: Call) -> Reply:
        zone = self.zone(call["id"], by_id=True)
        self.replace(zone, self.find(zone, call["record"]).name, "TXT", [], 60)
        return Reply(200, {"success": "Record  deleted successfully"})

    def _write(self, zone: FakeZone, name: str, new: dict[str, Any]) -> None:
        values = [unquote_txt(one["value"]) for one in new["roundRobin"]]
        self.replace(zone, name, "TXT", values, new["ttl"])

    def _first(self, zone: FakeZone, name: str) -> Record:
        return min(zone.at(name), key=lambda record: record.id)

    def _render(self, zone: FakeZone, name: str) -> dict[str, Any]:
        values = [{"value": quote_txt(r.value), "disableFlag": False} for r in zone.at(name)]
        first = self._first(zone, name)
        facts = {"type": "TXT", "recordType": "txt", "gtdRegion": 1, "parentId": int(zone.id)}
        ours = {"id": first.id, "name": name, "ttl": first.ttl}
        return {**ours, **facts, "value": values, "roundRobin": values}
