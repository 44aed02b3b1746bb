"""GleSYS's API for domains and their records.

Made from the exchanges that dns-lexicon recorded (March 2017): paths, bodies, the status in an
answer, ids, values as they are. Paths, parameters and parsing agree with them, but that lexicon
asks for JSON by the query, and here by the header, as lego does (2026), without which GleSYS's own
scripts get XML (github.com/GleSYS/api-docs), and that it writes whole names, while lego and the
certbot plugin (2022) write names relative to the domain. lego has the least TTL. That an HTTP
status equals the one in the body is assumed; words of refusals are not recorded.
"""

from __future__ import annotations

import base64
from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply


def _error(code: int, text: str) -> Reply:
    status = {"code": code, "timestamp": "2017-03-30T15:44:08+02:00", "text": text}
    return Reply(code, {"response": {"status": status, "debug": {"input": []}}})


class FakeGlesys(FakeApi):
    sources = "recorded exchanges (2017), lego (2026), a certbot plugin (2022)"
    recorded = "agree, but names are relative"
    accepts = "application/json"
    min_ttl = 60
    refusals = {
        "credentials": _error(401, "You need to be authenticated to use this function."),
        "permission": _error(403, "Your API key is not allowed to use this function."),
        "zone": _error(404, "Couldn't find the domain that you were looking for."),
        "record": _error(404, "Couldn't find the record that you were looking for."),
        "invalid": _error(400, "The record could not be added: it is not valid."),
    }
    impossible = {"quota": "no limit of records is described"}

    def key_of(self, call: Call) -> str:
        kind, _, key = call.headers.get("authorization", "").partition(" ")
        return base64.b64decode(key).decode() if kind == "Basic" else ""

    @route("POST", "/domain/list")
    def list_domains(self, call: Call) -> Reply:
        domains = [{"domainname": zone.name, "recordcount": 0} for zone in self.allowed_zones()]
        return _success(domains=domains)

    @route("POST", "/domain/listrecords")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call.json["domainname"])
        return _success(records=[_render(one, zone) for one in zone.records])

    @route("POST", "/domain/addrecord")
    def add_record(self, call: Call) -> Reply:
        zone, new = self.zone(call.json["domainname"]), call.json
        name = new["host"].replace("@", "")
        record = self.create(zone, name, new["type"], new["data"], new["ttl"])
        return _success(record=_render(record, zone))

    @route("POST", "/domain/deleterecord")
    def delete_record(self, call: Call) -> Reply:
        key = str(call.json["recordid"])
        for zone in self.allowed_zones():
            if any(str(one.id) == key for one in zone.records):
                self.delete(zone, key)
                return _success()
        raise RefusedError("record")


def _render(record: Record, zone: FakeZone) -> dict[str, Any]:
    facts = {"recordid": record.id, "domainname": zone.name, "host": record.name or "@"}
    return {**facts, "type": record.type, "data": record.value, "ttl": record.ttl}


def _success(**found: Any) -> Reply:
    status = {"code": 200, "timestamp": "2017-03-30T15:44:08+02:00", "text": "OK"}
    return Reply(200, {"response": {"status": status, **found, "debug": {"input": {}}}})
