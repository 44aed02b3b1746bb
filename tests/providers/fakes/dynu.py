"""Dynu's API v2 for domains and their records.

Made from the exchanges that dns-lexicon recorded (May 2025: paths, members, a TTL of a minute at
least for what it makes itself) and lego's bodies for tests (2026: 501 and its body for what is not
there or not accepted), with which paths, parameters and parsing agree. The header API-Key is as
lexicon and lego send it. The body of a used-up quota, with status 200, is from a user of Posh-ACME
(2018), the type for a wrong key from one of acme.sh; other messages are made up. The least TTL is
what acme.sh (2026) sends.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, kind: str, message: str) -> Reply:
    return Reply(status, {"statusCode": status, "type": kind, "message": message})


class FakeDynu(FakeApi):
    sources = "recorded exchanges (2025), clients (2026)"
    recorded = "agree"
    min_ttl = 90
    key_line = "Api-Key: "
    first_id = 5001
    refusals = {
        "credentials": _error(
            401, "Authentication Exception", "Authentication failed: no such key."
        ),
        "zone": _error(501, "Argument Exception", "Invalid identifier or value."),
        "record": _error(501, "Argument Exception", "Invalid identifier or value."),
        "quota": Reply(
            200, {"type": "Quota Exception", "message": "DNS record limit has been reached."}
        ),
        "invalid": _error(501, "Argument Exception", "Invalid identifier or value."),
    }
    impossible = {"permission": "a key may change everything in its account"}

    @route("GET", "/v2/dns")
    def list_domains(self, call: Call) -> Reply:
        domains = [
            {"id": int(zone.id), "name": zone.name, "unicodeName": zone.name, "state": "Complete"}
            for zone in self.allowed_zones()
        ]
        return Reply(200, {"statusCode": 200, "domains": domains})

    @route("GET", "/v2/dns/{domain}/record")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"], by_id=True)
        records = [self._render(zone, one) for one in zone.records]
        return Reply(200, {"statusCode": 200, "dnsRecords": records})

    @route("POST", "/v2/dns/{domain}/record")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"], by_id=True), call.json
        text = new["textData"]
        record = self.create(zone, new["nodeName"], new["recordType"], text, new["ttl"])
        return Reply(200, {"statusCode": 200, **self._render(zone, record)})

    delete_record = deletes(
        "/v2/dns/{zone}/record/{id}", Reply(200, {"statusCode": 200}), by_id=True
    )

    def _render(self, zone: FakeZone, one: Record) -> dict[str, Any]:
        facts = {
            "id": one.id,
            "domainId": int(zone.id),
            "domainName": zone.name,
            "nodeName": one.name,
            "hostname": f"{one.name}.{zone.name}".lstrip("."),
            "recordType": one.type,
            "ttl": one.ttl,
            "state": True,
        }
        return facts | ({"textData": one.value} if one.type == "TXT" else {})
