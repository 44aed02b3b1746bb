"""NameSilo's API 1: listDomains, dnsListRecords, dnsAddRecord, dnsDeleteRecord.

Made from NameSilo's reference (namesilo.com/api-reference, its codes as clients in several
languages quote them up to 2026) and from the exchanges with the sandbox that dns-lexicon recorded
(March 2018), with which paths, parameters and parsing agree: whole names in lists, values bare.
acme.sh and Posh-ACME (2026) agree; lego (2026) has the least TTL. Made up: what deleting a missing
record is answered.
"""

from __future__ import annotations

from xml.sax.saxutils import escape

from tests.support.fake_api import Call, FakeApi, route
from tests.support.fake_http import Reply


def _reply(code: int, detail: str, content: str = "") -> Reply:
    request = "<request><operation>x</operation><ip>198.51.100.7</ip></request>"
    reply = f"<reply><code>{code}</code><detail>{detail}</detail>{content}</reply>"
    text = f'<?xml version="1.0"?>\n<namesilo>{request}{reply}</namesilo>\n'
    return Reply(200, text.encode(), {"Content-Type": "text/xml"})


class FakeNameSilo(FakeApi):
    sources = "reference (2026), recorded exchanges (2018), lego (2026)"
    recorded = "agree"
    min_ttl = 3600
    refusals = {
        "credentials": _reply(110, "Invalid API Key"),
        "permission": _reply(113, "This API account cannot be accessed from your IP"),
        "zone": _reply(200, "Domain is not active, or does not belong to this user"),
        "record": _reply(280, "could not delete resource record"),
        "quota": _reply(400, "Existing API request is still processing"),
        "invalid": _reply(280, "could not add resource record: invalid host"),
        "exists": _reply(
            280,
            "could not add resource record to domain since it already exists (duplicate)",
        ),
    }

    def key_of(self, call: Call) -> str:
        good = (call.query["version"], call.query["type"]) == ("1", "xml")
        return call.query.get("key", "") if good else ""

    @route("GET", "/api/listDomains")
    def list_domains(self, call: Call) -> Reply:
        names = "".join(f"<domain>{zone.name}</domain>" for zone in self.allowed_zones())
        return _reply(300, "success", f"<domains>{names}</domains>")

    @route("GET", "/api/dnsListRecords")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call.query["domain"])
        found = "".join(
            f"<resource_record><record_id>{one.id}</record_id><type>{one.type}</type>"
            f"<host>{f'{one.name}.{zone.name}'.lstrip('.')}</host><value>{escape(one.value)}</value>"
            f"<ttl>{one.ttl}</ttl><distance>0</distance></resource_record>"
            for one in zone.records
        )
        return _reply(300, "success", found)

    @route("GET", "/api/dnsAddRecord")
    def add_record(self, call: Call) -> Reply:
        zone, query = self.zone(call.query["domain"]), call.query
        name, value = query.get("rrhost", ""), query["rrvalue"]
        made = self.create(zone, name, query["rrtype"], value, int(query["rrttl"]))
        return _reply(300, "success", f"<record_id>{made.id}</record_id>")

    @route("GET", "/api/dnsDeleteRecord")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call.query["domain"]), call.query["rrid"])
        return _reply(300, "success")
