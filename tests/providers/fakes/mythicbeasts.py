"""Mythic Beasts' Primary DNS API v2.

Made from the API reference (mythic-beasts.com/support/api/dnsv2, stored copies of 2025: Basic
authorization, selection of records by path and query, restricted keys), the exchanges that
dns-lexicon recorded (March 2021: bodies, 409 for a duplicate) and acme.sh, lego and libdns (2026:
paths of a host's TXT records, 403 for a zone that is not the key's). Paths, parameters and parsing
agree, but for the token of the recorded exchanges, which Basic authorization makes needless.
dnscontrol (December 2024) has the characters that are not accepted. Messages of 401, 403 and 400
are made up.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, RefusedError, route
from tests.support.fake_http import Reply


def _errors(status: int, *words: str) -> Reply:
    return Reply(status, {"errors": list(words)})


class FakeMythicBeasts(FakeApi):
    sources = "API reference (2025), recorded exchanges (2021), clients (2026)"
    recorded = "agree, but for a token in place of Basic authorization"
    refusals = {
        "credentials": Reply(401, {"error": "Authentication failed"}),
        "permission": _errors(403, "Access denied"),
        "zone": _errors(403, "Access denied"),
        "invalid": _errors(400, "Invalid record"),
    }
    impossible = {"quota": "no limit of records is documented"}

    @route("GET", "/dns/v2/zones")
    def list_zones(self, call: Call) -> Reply:
        return Reply(200, {"zones": [zone.name for zone in self.allowed_zones()]})

    @route("GET", "/dns/v2/zones/{zone}/records")
    def list_records(self, call: Call) -> Reply:
        zone, query = self.zone(call["zone"]), call.query
        found = zone.at(query["host"].replace("@", ""), query["type"])
        return Reply(200, {"records": [_render(one) for one in found]})

    @route("POST", "/dns/v2/zones/{zone}/records/{host}/{type}")
    def create_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"])
        for new in call.json["records"]:
            if (new["host"], new["type"]) != (call["host"], call["type"]) or '"' in new["data"]:
                raise RefusedError("invalid")
            name = new["host"].replace("@", "")
            if any(one.value == new["data"] for one in zone.at(name, new["type"])):
                return _errors(409, f"Duplicate record '{new['host']} {new['ttl']} TXT'")
            self.create(zone, name, new["type"], new["data"], new["ttl"])
        count = len(call.json["records"])
        return Reply(200, {"message": f"{count} records added", "records_added": count})

    @route("DELETE", "/dns/v2/zones/{zone}/records/{host}/{type}")
    def delete_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"])
        found = zone.at(call["host"].replace("@", ""), call["type"])
        gone = [one for one in found if one.value == call.query["data"]]
        for one in gone:
            self.delete(zone, str(one.id))
        return Reply(200, {"records_removed": len(gone)})


def _render(one: Record) -> dict[str, Any]:
    return {"data": one.value, "host": one.name or "@", "ttl": one.ttl, "type": one.type}
