"""ClouDNS's HTTP API for zones and records.

Made from ClouDNS's reference (wiki articles 41, 42, 57, 58, 59 and others as of 2026, as notes of
an octoDNS provider quote them): parameters, TTLs, words of refusals, rates; and from the exchanges
that dns-lexicon recorded (2018), with which paths, parameters and parsing agree, but that
everything is a form here and some in the query there, which ClouDNS allows. dnscontrol (2026) has
the words for too many requests, and which values are refused.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply


def _failed(text: str) -> Reply:
    return Reply(200, {"status": "Failed", "statusDescription": text})


def _done(text: str, **more: object) -> Reply:
    return Reply(200, {"status": "Success", "statusDescription": text, **more})


class FakeClouDns(FakeApi):
    sources = "reference (2026), recorded exchanges (2018), dnscontrol (2026)"
    recorded = "agree, but for a form in place of the query"
    min_ttl = 60
    refusals = {
        "credentials": _failed("Invalid authentication, incorrect auth-id or auth-password."),
        "permission": _failed("Your plan does not support this."),
        "zone": _failed("Missing domain-name"),
        "record": _failed("Invalid record-id param."),
        "quota": _failed(
            "Request blocked. 198.51.100.7 is sending more than 20 requests per second."
        ),
        "invalid": _failed("Invalid TTL. Choose from the list of the values we support."),
    }

    def key_of(self, call: Call) -> str:
        known = {"auth-id", "sub-auth-id", "sub-auth-user"} & set(call.form)
        return call.form["auth-password"] if len(known) == 1 else ""

    @route("POST", "/dns/list-zones.json")
    def list_zones(self, call: Call) -> Reply:
        size = int(call.form["rows-per-page"])
        page, _ = self.page(self.allowed_zones(), int(call.form["page"]), size)
        shown = [{"name": z.name, "type": "master", "zone": "domain", "status": "1"} for z in page]
        return Reply(200, shown)

    @route("POST", "/dns/records.json")
    def list_records(self, call: Call) -> Reply:
        zone, form = self.zone(call.form["domain-name"]), call.form
        found = {
            str(one.id): {
                "id": str(one.id),
                "type": one.type,
                "host": one.name,
                "record": one.value,
                "ttl": str(one.ttl),
                "status": 1,
            }
            for one in zone.at(form.get("host", ""), form["type"])
        }
        return Reply(200, found or [])

    @route("POST", "/dns/add-record.json")
    def add_record(self, call: Call) -> Reply:
        zone, form = self.zone(call.form["domain-name"]), call.form
        if int(form["ttl"]) not in (60, 300, 900, 1800, 3600, 21600, 43200, 86400):
            raise RefusedError("invalid")
        kind, text = form["record-type"], form["record"]
        made = self.create(zone, form.get("host", ""), kind, text, int(form["ttl"]))
        return _done("The record was added successfully.", data={"id": made.id})

    @route("POST", "/dns/delete-record.json")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call.form["domain-name"]), call.form["record-id"])
        return _done("The record was deleted successfully.")
