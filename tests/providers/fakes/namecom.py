"""name.com's API v4 for domains and records.

Made from the exchanges that dns-lexicon recorded (May 2022), with which paths, parameters and
parsing agree: hosts relative to the domain, none for the domain itself, "Duplicate Record". Pages
by nextPage, messages and the least TTL of 300 from name.com's reference (name.com/api-docs) and Go
client as lego has them (2026). Which values are refused from dnscontrol (2024), which found the
longest one by trying. acme.sh and Posh-ACME (2026) agree.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, message: str, **more: str) -> Reply:
    return Reply(status, {"message": message, **more})


class FakeNameCom(FakeApi):
    sources = "recorded exchanges (2022), lego (2026), dnscontrol (2024)"
    recorded = "agree"
    min_ttl = 300
    refusals = {
        "credentials": _error(401, "Unauthenticated"),
        "permission": _error(403, "Permission Denied"),
        "zone": _error(404, "Not Found"),
        "record": _error(404, "Not Found"),
        "invalid": _error(400, "Invalid Argument", details="Parameter Value Error - Invalid Host"),
        "exists": _error(
            400, "Invalid Argument", details="Parameter Value Error - Duplicate Record"
        ),
    }
    impossible = {"quota": "no limit of records is documented; 429 is for the rate of requests"}

    @route("GET", "/v4/domains")
    def list_domains(self, call: Call) -> Reply:
        facts = {"locked": True, "autorenewEnabled": True}
        found = [{"domainName": zone.name, **facts} for zone in self.allowed_zones()]
        return self._page(call, "domains", found)

    @route("GET", "/v4/domains/{domain}/records")
    def list_records(self, call: Call) -> Reply:
        zone, found = self.zone(call["domain"]), []
        for one in zone.records:
            fqdn = f"{one.name}.{zone.name}.".lstrip(".")
            facts = {"id": one.id, "domainName": zone.name, "fqdn": fqdn, "type": one.type}
            host = {"host": one.name} if one.name else {}
            found.append({**facts, **host, "answer": one.value, "ttl": one.ttl})
        return self._page(call, "records", found)

    @route("POST", "/v4/domains/{domain}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        made = self.create(zone, new["host"], new["type"], new["answer"], new["ttl"])
        return Reply(200, {"id": made.id, "domainName": zone.name, **new})

    delete_record = deletes("/v4/domains/{zone}/records/{id}", Reply(200, {}))

    def _page(self, call: Call, what: str, items: list[dict[str, Any]]) -> Reply:
        number = int(call.query.get("page", 1))
        page, last = self.page(items, number)
        following = {"nextPage": number + 1, "lastPage": last} if number < last else {}
        return Reply(200, {what: page, **following} if page else {})
