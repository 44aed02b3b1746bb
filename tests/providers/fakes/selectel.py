"""Selectel's DNS API, version 2, and the Keystone that makes its tokens.

Made from octodns-selectel (April 2026): paths, offsets, TXT in quotes, statuses and words of
refusals, the least TTL; from lego (July 2026): filters, names in Unicode, the project by its id;
and from acme.sh (June 2026): the project by its name, the token in X-Subject-Token. Keystone's
answers are those of OpenStack's reference of the Identity API v3. That zones and records may be
disabled is in the service's own client (github.com/selectel/domains-go). The words for a user
without rights are made up.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt


class FakeSelectel(FakeApi):
    sources = "three clients (2026), OpenStack's reference for tokens"
    page_size = 1000
    min_ttl = 60
    logins = "/identity/v3/auth/tokens"
    key_line = "X-Auth-Token: "
    refusals = {
        "credentials": Reply(
            401, {"error": {"code": 401, "message": "The request you have made needs a login."}}
        ),
        "permission": Reply(403, {"error": "forbidden", "description": "Access is not allowed"}),
        "zone": Reply(404, {"error": "zone_not_found"}),
        "record": Reply(404, {"error": "rrset_not_found"}),
        "there": Reply(409, {"error": "this_rrset_is_already_exists"}),
        "invalid": Reply(422, {"error": "bad_request", "description": "Invalid rrset name"}),
    }
    impossible = {"quota": "no source shows what it answers"}

    @route("POST", "/identity/v3/auth/tokens")
    def login(self, call: Call) -> Reply:
        auth = call.json["auth"]
        user, project = auth["identity"]["password"]["user"], auth["scope"]["project"]
        where = project.get("id") or f"{project['domain']['name']}/{project['name']}"
        key = f"{user['domain']['name']}:{user['name']}:{user['password']}:{where}"
        token = {"X-Subject-Token": self.issue(key)}
        return Reply(201, {"token": {"expires_at": "2999-01-01T00:00:00.000000Z"}}, token)

    @route("GET", "/domains/v2/zones")
    def list_zones(self, call: Call) -> Reply:
        zones = [
            {"id": zone.id, "name": f"{zone.name}.", "disabled": zone.name.startswith("off.")}
            for zone in self.allowed_zones()
        ]
        return self._list(call, zones)

    @route("GET", "/domains/v2/zones/{zone}/rrset")
    def list_sets(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["zone"], by_id=True), call.query
        sets: dict[str, dict[str, Any]] = {}
        for one in zone.records:
            whole = _unicode(f"{one.name}.{zone.name}.".lstrip("."))
            if (wanted["rrset_types"], wanted["name"]) == (one.type, whole.rstrip(".")):
                key = f"{one.type}-{one.name or '@'}"
                new = {"id": key, "name": whole, "type": one.type, "ttl": one.ttl, "records": []}
                record = {"content": quote_txt(one.value), "disabled": False, **one.extra}
                sets.setdefault(key, new)["records"].append(record)
        return self._list(call, list(sets.values()))

    @route("POST", "/domains/v2/zones/{zone}/rrset")
    def make_set(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json
        name = new["name"].encode("idna").decode().removesuffix(f"{zone.name}.").rstrip(".")
        if zone.at(name):
            raise RefusedError("there")
        return self._write(zone, name)

    @route("PATCH", "/domains/v2/zones/{zone}/rrset/{set}")
    def replace_set(self, call: Call) -> Reply:
        return self._write(*self._existing(call))

    @route("DELETE", "/domains/v2/zones/{zone}/rrset/{set}")
    def delete_set(self, call: Call) -> Reply:
        zone, name = self._existing(call)
        self.replace(zone, name, "TXT", [], 60)
        return Reply(204)

    def enter(self, call: Call) -> None:
        super().enter(call)
        self._call = call

    def _existing(self, call: Call) -> tuple[FakeZone, str]:
        zone = self.zone(call["zone"], by_id=True)
        name = call["set"].removeprefix("TXT-").replace("@", "")
        if not zone.at(name):
            raise RefusedError("record")
        return zone, name

    def _write(self, zone: FakeZone, name: str) -> Reply:
        new = self._call.json
        values = [unquote_txt(record["content"]) for record in new["records"]]
        if not all(record["content"].startswith('"') for record in new["records"]):
            raise RefusedError("invalid")
        made = self.replace(zone, name, "TXT", values, new["ttl"])
        for record, one in zip(made, new["records"], strict=True):
            record.extra = {"disabled": one["disabled"]}
        return Reply(200, {"id": f"TXT-{name or '@'}"})

    def _list(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        first, size = int(call.query.get("offset", 0)), min(int(call.query["limit"]), 1000)
        after = first + size if first + size < len(items) else 0
        page = items[first : first + size]
        return Reply(200, {"count": len(items), "next_offset": after, "result": page})


def _unicode(name: str) -> str:
    return name.encode().decode("idna")
