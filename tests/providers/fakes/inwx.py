"""INWX's DomRobot API in JSON-RPC: account, nameserver.list, info, createRecord, deleteRecord.

Made from the exchanges that dns-lexicon recorded (September 2018, in XML-RPC and with user and
password in each call: codes, members of resData, names in full), Posh-ACME (2026: JSON-RPC with
the same methods and members, the session's cookie, the second factor, codes of a failed login),
and dnscontrol and goinwx (2025 and 2026: pages of nameserver.list, texts that are not accepted).
The codes that were not seen are those of EPP, which INWX follows (RFC 5730 section 3). Clients of
2025 take ids of records as text; both kinds are made here.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, RefusedError, route
from tests.support.fake_http import Reply, after
from zoneproof.providers.signatures import one_time_code


def _answer(code: int, text: str, data: dict[str, Any] | None = None) -> Reply:
    found = {"code": code, "msg": text, "svTRID": "20260801-1831002", "runtime": 0.0811}
    return Reply(200, found | ({"resData": data} if data is not None else {}))


def _ok(data: dict[str, Any] | None = None) -> Reply:
    return _answer(1000, "Command completed successfully", data)


class FakeInwx(FakeApi):
    sources = "recorded exchanges (2018), clients (2025 and 2026), RFC 5730"
    recorded = "agree in methods, members and codes; JSON-RPC with a session in place of XML-RPC"
    page_size = 20
    min_ttl = 300
    refusals = {
        "credentials": _answer(2200, "Authentication error"),
        "permission": _answer(2201, "Authorization error"),
        "zone": _answer(2303, "Object does not exist"),
        "record": _answer(2303, "Object does not exist"),
        "exists": _answer(2302, "Object exists"),
        "invalid": _answer(2005, "Parameter value syntax error"),
    }
    impossible = {"quota": "no limit of records is documented"}

    def __init__(self) -> None:
        super().__init__()
        self.secret = ""  # of the authenticator
        self._locked: set[str] = set()  # sessions that wait for its code

    def enter(self, call: Call) -> None:
        if call.json["method"] not in ("account.login", "account.unlock"):
            super().enter(call)

    def key_of(self, call: Call) -> str:
        session = after(call.headers.get("cookie", ""), "domrobot=")
        return "" if session in self._locked else self._issued.get(session, "")

    @route("POST", "/jsonrpc/")
    def call(self, call: Call) -> Reply:
        method, given = call.json["method"], call.json["params"]
        if method == "account.login":
            session = self.issue(f"{given['user']} {given['pass']}")
            tfa = "GOOGLE-AUTH" if self.secret else "0"
            self._locked |= {session} if self.secret else set()
            reply = _ok({"customerId": 1, "tfa": tfa})
            return Reply(200, reply.body, {"Set-Cookie": f"domrobot={session}; path=/; secure"})
        if method == "account.unlock":
            if given["tan"] != one_time_code(self.secret, datetime.now(UTC)):
                raise RefusedError("credentials")
            self._locked.clear()
            return _ok()
        if method == "nameserver.list":
            zones, _ = self.page(self.allowed_zones(), given.get("page", 1))
            domains = [{"roId": 1, "domain": one.name, "type": "MASTER"} for one in zones]
            return _ok({"count": len(self.allowed_zones()), "domains": domains})
        if method == "nameserver.deleteRecord":
            self.delete_anywhere(str(given["id"]))
            return _ok()
        zone = self.zone(given["domain"])
        name = given["name"].removesuffix(zone.name).removesuffix(".")
        if method == "nameserver.info":
            found = [self._render(one, zone.name) for one in zone.at(name, given["type"])]
            counted = {"count": len(found), "record": found} if found else {}
            return _ok({"roId": 2238, "domain": zone.name, "type": "MASTER", **counted})
        record = self.create(zone, name, given["type"], given["content"], given["ttl"])
        return _ok({"id": record.id})

    def delete_anywhere(self, key: str) -> None:
        for zone in self.allowed_zones():
            if any(str(one.id) == key for one in zone.records):
                return self.delete(zone, key)
        raise RefusedError("record")

    def _render(self, one: Record, zone: str) -> dict[str, Any]:
        name = f"{one.name}.{zone}".lstrip(".")
        key = one.id if one.id % 2 else str(one.id)
        record = {"id": key, "name": name, "type": one.type, "content": one.value}
        return {**record, "ttl": one.ttl, "prio": 0}
