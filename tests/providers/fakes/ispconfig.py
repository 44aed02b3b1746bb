"""The remote API of ISPConfig in JSON, as far as it is about zones and TXT records.

Made from the panel's source (a copy of June 2019: json_handler.inc.php, remoting.inc.php,
remoting_lib.inc.php, remote.d/dns.inc.php, dns_txt.tform.php): status 200 with ``code``,
``message`` and ``response``, ids as text, lists for conditions, what fields hold, faults in their
words, no error for a record that is gone. acme.sh, Posh-ACME (2026) and the certbot plugin (2025)
agree; ``update_serial`` is theirs, because it is newer.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply


def _fault(message: str) -> Reply:
    return Reply(200, {"code": "remote_fault", "message": message, "response": False})


class FakeIspConfig(FakeApi):
    sources = "source of the panel (2019), three clients (2025, 2026)"
    min_ttl = 60
    logins = ".*"
    refusals = {
        "credentials": _fault("The login failed. Username or password wrong."),
        "session": _fault("The Session is expired or does not exist."),
        "permission": _fault("You do not have the permissions to access this function."),
        "invalid": _fault("name_error_regex"),
    }
    impossible = {
        "quota": "the remote user has none",
        "zone": "it is asked for the zone, and the answer is an empty list",
    }

    @route("POST", "/remote/json.php")
    def call(self, call: Call) -> Reply:
        what, (name, *_) = call.json, call.query
        if name == "login":
            return _ok(self.issue(f"{what['username']}:{what['password']}"))
        if what["session_id"] not in self._issued:
            raise RefusedError("session")
        self._key = self.keys[self._issued[what["session_id"]]]
        return _ok(getattr(self, f"_{name}")(what))

    def _dns_zone_get(self, what: dict[str, Any]) -> list[dict[str, str]]:
        wanted = what["primary_id"]
        return [
            {"id": zone.id, "server_id": "1", "origin": f"{zone.name}.", "active": "Y"}
            for zone in self.allowed_zones()
            if wanted in ({"active": "Y"}, {"origin": f"{zone.name}."})
        ]

    def _dns_txt_get(self, what: dict[str, Any]) -> list[dict[str, str]]:
        zone = self.zone(what["primary_id"]["zone"], by_id=True)
        return [
            {
                "id": str(one.id),
                "zone": zone.id,
                "name": one.extra.get("stored", one.name or f"{zone.name}."),
                "type": one.type,
                "data": one.value,
                "ttl": str(one.ttl),
            }
            for one in zone.records
            if one.type == what["primary_id"]["type"]
        ]

    def _dns_txt_add(self, what: dict[str, Any]) -> str:
        new = what["params"]
        zone = self.zone(new["zone"], by_id=True)
        name = new["name"].removesuffix(f"{zone.name}.").rstrip(".")
        if not what["update_serial"] or new["server_id"] != "1" or not new["stamp"]:
            raise RefusedError("invalid")
        ttl = int(new["ttl"])
        return str(self.create(zone, name, "TXT", new["data"], ttl, stored=new["name"]).id)

    def _dns_txt_delete(self, what: dict[str, Any]) -> int:
        for zone in self.allowed_zones():
            if any(str(one.id) == what["primary_id"] for one in zone.records):
                self.delete(zone, what["primary_id"])
                return 1
        return 0


def _ok(response: object) -> Reply:
    return Reply(200, {"code": "ok", "message": "", "response": response})
