"""The HTTP API of a PowerDNS Authoritative Server.

Made from its own documentation (docs/http-api/swagger/authoritative-api-swagger.yaml of
github.com/PowerDNS/pdns) and from the answers of a real server of Debian, which also passes the
contract (2026): bodies, plain-text 401 and 404, 422 with ``error``, TXT in quotes. The exchanges
that dns-lexicon recorded (server 4.1, 2019) agree, but have 422 for an unknown zone.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt


class FakePowerDns(FakeApi):
    sources = "documentation and a real server (2026), recorded exchanges (2019)"
    recorded = "agree, but for the status of an unknown zone, which has changed"
    key_line = "X-Api-Key: "
    refusals = {
        "credentials": Reply(401, b"Unauthorized"),
        "zone": Reply(404, b"Not Found"),
        "invalid": Reply(422, {"error": "Name 'A\\\\032b.zone.example.' contains unsupported"}),
    }
    impossible = {
        "permission": "the one key may do everything",
        "quota": "there is none",
    }

    @route("GET", "/api/v1/servers/localhost/zones")
    def list_zones(self, call: Call) -> Reply:
        return Reply(200, [_facts(zone.name) for zone in self.allowed_zones()])

    @route("GET", "/api/v1/servers/localhost/zones/{zone}")
    def read_zone(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["zone"].rstrip(".")), call.query
        sets: dict[tuple[str, str], dict[str, Any]] = {}
        for one in zone.records:
            name = f"{one.name}.{zone.name}.".lstrip(".")
            kind = wanted.get("rrset_type", one.type)
            if (wanted.get("rrset_name", name), kind) == (name, one.type):
                new = {
                    "name": name,
                    "type": one.type,
                    "ttl": one.ttl,
                    "comments": [],
                    "records": [],
                }
                content = quote_txt(one.value) if one.type == "TXT" else one.value
                found = sets.setdefault((name, one.type), new)
                found["records"].append({"content": content, "disabled": False})
        return Reply(200, {**_facts(zone.name), "rrsets": list(sets.values())})

    @route("PATCH", "/api/v1/servers/localhost/zones/{zone}")
    def change_zone(self, call: Call) -> Reply:
        zone = self.zone(call["zone"].rstrip("."))
        sets = {
            one["name"].removesuffix(f"{zone.name}.").rstrip("."): one
            for one in call.json["rrsets"]
        }
        for name, one in sets.items():
            self.check_change(name, one["ttl"])
            if not all(record["content"].startswith('"') for record in one["records"]):
                raise RefusedError("invalid")
        for name, one in sets.items():
            values = [unquote_txt(record["content"]) for record in one["records"]]
            if bool(values) != (one["changetype"] == "REPLACE"):
                raise RefusedError("invalid")
            self.replace(zone, name, one["type"], values, one["ttl"])
        return Reply(204)


def _facts(name: str) -> dict[str, Any]:
    return {"id": f"{name}.", "name": f"{name}.", "kind": "Native", "serial": 1, "masters": []}
