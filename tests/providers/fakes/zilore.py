"""Zilore's API v1 for domains and records.

Made from the exchanges that dns-lexicon recorded (February 2019), with which paths, parameters and
parsing agree, and from lego's tests (May 2026) for an error's body and status. Posh-ACME (2026) has
the TTL of 300, the filters, and a form in place of the query; acme.sh (2026) the filters and the
query. The service's reference (zilore.com/en/help/api, a copy of 2026) has names of records in
Unicode in lists and searches, and those of domains in A-labels. Made up: the code and the words for
an unknown domain and a record that is refused.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(status: int, code: int, message: str) -> Reply:
    return Reply(status, {"status": "fail", "error": {"code": code, "message": message}})


def _ok(response: object) -> Reply:
    return Reply(200, {"status": "ok", "response": response})


class FakeZilore(FakeApi):
    sources = "recorded exchanges (2019), lego (2026), Posh-ACME (2026), acme.sh (2026)"
    recorded = "agree"
    min_ttl = 300
    key_line = "X-Auth-Key: "
    refusals = {
        "credentials": _error(401, 3, "Authorization failed"),
        "zone": _error(404, 99, "Domain is not found"),
        "record": _error(404, 99, "Record is not found"),
        "invalid": _error(400, 99, "Record name is not valid"),
    }
    impossible = {
        "permission": "a key may do everything with the account's domains",
        "quota": "no limit of records is documented",
    }

    @route("GET", "/dns/v1/domains")
    def list_domains(self, call: Call) -> Reply:
        zones = self.allowed_zones()
        return _ok([{"domain_id": z.id, "domain_name": z.name} for z in zones])

    @route("GET", "/dns/v1/domains/{domain}/records")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        found = [
            {
                "record_id": str(one.id),
                "record_status": "enabled",
                "record_name": _unicode(one, zone),
                "record_type": one.type,
                "record_value": quote_txt(one.value) if one.type == "TXT" else one.value,
                "record_ttl": str(one.ttl),
            }
            for one in zone.records
            if call.query["search_record_type"] == one.type
            and call.query["search_text"] == _unicode(one, zone)
        ]
        return _ok(found)

    @route("POST", "/dns/v1/domains/{domain}/records")
    def add_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.query
        name = new["record_name"].removesuffix(zone.name).rstrip(".")
        value, ttl = unquote_txt(new["record_value"]), int(new["record_ttl"])
        made = self.create(zone, name, new["record_type"], value, ttl)
        return _ok({"record_id": made.id, "record_status": "added"})

    @route("DELETE", "/dns/v1/domains/{domain}/records")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call["domain"]), call.query["record_id"])
        return _ok({"record_status": "deleted"})


def _unicode(record: Record, zone: FakeZone) -> str:
    return f"{record.name}.{zone.name}".lstrip(".").encode().decode("idna")
