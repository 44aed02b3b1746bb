"""REG.RU's API 2 for the records of domains at its own name servers.

Made from the service's reference (reg.ru/reseller/api2doc, a copy of 2026) for functions,
parameters, answers and error codes, from lego's recorded bodies (2026), which agree, and from
acme.sh (2026) for the list of domains. Input is JSON in a form; the answer has a result, and for
each domain another one; records have neither ids nor TTLs. That a value that is gone can be removed
again is as the reference does not say otherwise. Words that the reference has only as codes are
made up.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply


def _error(code: str, text: str) -> Reply:
    facts = {"charset": "utf-8", "messagestore": None, "result": "error"}
    return Reply(200, {**facts, "error_code": code, "error_text": text})


def _domain_error(code: str, text: str) -> Reply:
    domain = {"dname": "x", "error_code": code, "error_text": text, "result": "error"}
    return Reply(200, {"answer": {"domains": [domain]}, "charset": "utf-8", "result": "success"})


class FakeRegRu(FakeApi):
    sources = "reference, exchanges in lego's tests, acme.sh (2026)"
    refusals = {
        "credentials": _error("PASSWORD_AUTH_FAILED", "Username/password Incorrect"),
        "permission": _error("ACCESS_DENIED_FROM_IP", "Access to API from this IP denied"),
        "zone": _domain_error(
            "DOMAIN_NOT_FOUND", "Domain unknown.example not found or not owned by You"
        ),
        "invalid": _domain_error("SUBD_INVALID", "Invalid subdomain"),
    }
    impossible = {"quota": "no limit of records is documented"}

    def key_of(self, call: Call) -> str:
        assert call.form["input_format"] == "json"
        return f"{call.form['username']}:{call.form['password']}"

    @route("POST", "/api/regru2/service/get_list")
    def list_services(self, call: Call) -> Reply:
        assert _given(call) == {"servtype": "domain"}
        services = [
            {"dname": zone.name, "service_id": str(number), "servtype": "domain", "state": "A"}
            for number, zone in enumerate(self.allowed_zones())
        ]
        return Reply(200, {"answer": {"services": services}, "result": "success"})

    @route("POST", "/api/regru2/zone/get_resource_records")
    def list_records(self, call: Call) -> Reply:
        rrs = [
            {
                "content": one.value,
                "prio": "0",
                "rectype": one.type,
                "state": "A",
                "subname": one.name or "@",
            }
            for one in self._zone(call).records
        ]
        return _done(rrs=rrs, soa={"minimum_ttl": "12h", "ttl": "1d"})

    @route("POST", "/api/regru2/zone/add_txt")
    def add_txt(self, call: Call) -> Reply:
        given = _given(call)
        self.create(self._zone(call), _name(given), "TXT", given["text"], 86400)
        return _done()

    @route("POST", "/api/regru2/zone/remove_record")
    def remove_record(self, call: Call) -> Reply:
        zone, given = self._zone(call), _given(call)
        there = zone.at(_name(given), given["record_type"])
        for one in [one for one in there if one.value == given["content"]]:
            self.delete(zone, str(one.id))
        return _done()

    def _zone(self, call: Call) -> FakeZone:
        (domain,) = _given(call)["domains"]
        if not domain["dname"]:
            raise RefusedError("zone")
        return self.zone(domain["dname"])


def _given(call: Call) -> dict[str, Any]:
    given: dict[str, Any] = json.loads(call.form["input_data"])
    return given


def _name(given: dict[str, Any]) -> str:
    return str(given["subdomain"]).replace("@", "")


def _done(**more: object) -> Reply:
    domain = {"dname": "x", "result": "success", "service_id": "12345", **more}
    return Reply(200, {"answer": {"domains": [domain]}, "charset": "utf-8", "result": "success"})
