"""WEDOS's WAPI in JSON: dns-domains-list, dns-rows-list, dns-row-add, -delete, dns-domain-commit.

Made from the reference (kb.wedos.com: WAPI for WDNS and the list of return codes, stored copies of
2025), the exchanges that dns-lexicon recorded (August 2023: bodies, the form around the JSON) and
lego (2026: the login's hash, least TTL), with which commands, parameters and parsing agree; lexicon
sends names in full and gets them back so, the reference and lego have relative ones. Posh-ACME
(2026) has the other form of the list of domains, and the reference that some are secondary.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, route
from tests.support.fake_http import Reply
from zoneproof.providers.wedos import sign_wapi


def _answer(code: int, result: str, **more: Any) -> Reply:
    head = {"code": code, "result": result, "timestamp": 1691419081, "svTRID": "169141908.1"}
    return Reply(200, {"response": {**head, **more}}, {"Content-Type": "text/html; charset=UTF-8"})


class FakeWedos(FakeApi):
    sources = "reference (2025), recorded exchanges (2023), client (2026)"
    recorded = "agree; names relative in place of full ones"
    min_ttl = 300
    refusals = {
        "credentials": _answer(2050, "Authentication failure"),
        "permission": _answer(3223, "Access denied"),
        "zone": _answer(3222, "Opening of the domain failed"),
        "record": _answer(3309, "Record of that ID does not exist"),
        "exists": _answer(2316, "This record already exists"),
        "quota": _answer(2310, "Unable to add another record to the domain"),
        "invalid": _answer(2311, "Invalid name"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.commits: list[str] = []
        self.numbers_zones = False  # for some accounts, the list of domains is a map with numbers

    def key_of(self, call: Call) -> str:
        given, now = _request(call), datetime.now(UTC)
        for key in self.keys:
            user, _, password = key.partition(" ")
            if user == given["user"] and sign_wapi(user, password, now) == given["auth"]:
                return key
        return ""

    @route("POST", "/wapi/json")
    def call(self, call: Call) -> Reply:
        command, given = _request(call)["command"], _request(call)["data"]
        if command == "dns-domains-list":
            names = {one.name: "primary" for one in self.allowed_zones()}
            names["from-elsewhere.example"] = "secondary"
            domains = [
                {"name": name, "type": kind, "status": "active"} for name, kind in names.items()
            ]
            listed = {str(3 * i + 11): one for i, one in enumerate(domains)}
            found: Any = listed if self.numbers_zones else domains
            return _answer(1000, "OK", command=command, data={"domain": found})
        if command == "dns-domain-commit":
            self.commits.append(given["name"])
            return _answer(1000, "OK", command=command)
        zone = self.zone(given["domain"])
        if command == "dns-rows-list":
            return _answer(1000, "OK", command=command, data={"row": _rows(zone)})
        if command == "dns-row-delete":
            self.delete(zone, given["row_id"])
        else:
            self.create(zone, given["name"], given["type"], given["rdata"], given["ttl"])
        return _answer(1000, "OK", command=command)


def _request(call: Call) -> dict[str, Any]:
    request: dict[str, Any] = json.loads(call.form["request"])["request"]
    return request


def _rows(zone: FakeZone) -> list[dict[str, str]]:
    return [
        {
            "ID": str(one.id),
            "name": one.name,
            "ttl": str(one.ttl),
            "rdtype": one.type,
            "rdata": one.value,
            "changed_date": "2023-08-03 17:58:48",
            "author_comment": "",
        }
        for one in zone.records
    ]
