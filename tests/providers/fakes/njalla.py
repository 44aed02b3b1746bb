"""Njalla's JSON-RPC API: list-domains, list-records, add-record, remove-record.

Made from the exchanges that dns-lexicon recorded (August 2020: members, ``@``, 403 "permission
denied" with status 200 for a domain of another account) and lego's bodies for tests (2026: "Invalid
token.", ids as text, the header), with which calls and parsing agree; acme.sh (2026) sends the same
calls, and ids as numbers. list-domains is in the service's list of methods. What is said of a
record that is not there, and of one that is not accepted, is made up.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, route
from tests.support.fake_http import Reply


def _error(code: int, message: str) -> Reply:
    return Reply(200, {"error": {"code": code, "message": message}, "jsonrpc": "2.0"})


def _ok(result: dict[str, Any]) -> Reply:
    return Reply(200, {"result": result, "jsonrpc": "2.0"})


class FakeNjalla(FakeApi):
    sources = "recorded exchanges (2020), clients (2026)"
    recorded = "agree"
    min_ttl = 60
    key_line = "Authorization: Njalla "
    refusals = {
        "credentials": _error(403, "Invalid token."),
        "permission": _error(403, "permission denied"),
        "zone": _error(403, "permission denied"),
        "record": _error(404, "missing record"),
        "invalid": _error(400, "invalid record"),
    }
    impossible = {"quota": "no limit of records is documented"}

    @route("POST", "/api/1/")
    def call(self, call: Call) -> Reply:
        method, given = call.json["method"], call.json["params"]
        if method == "list-domains":
            return _ok({"domains": [{"name": one.name} for one in self.allowed_zones()]})
        zone = self.zone(given["domain"])
        if method == "list-records":
            return _ok({"records": [_render(one) for one in zone.records]})
        if method == "remove-record":
            self.delete(zone, str(given["id"]))
            return _ok({})
        name = given["name"].replace("@", "")
        return _ok(_render(self.create(zone, name, given["type"], given["content"], given["ttl"])))


def _render(one: Record) -> dict[str, Any]:
    record = {"name": one.name or "@", "type": one.type, "content": one.value, "ttl": one.ttl}
    return {"id": one.id if one.id % 2 else str(one.id), **record}
