"""Porkbun's API v3 for domains and their DNS records.

Made from the exchanges that dns-lexicon recorded (December 2024), with which paths, parameters and
parsing agree: keys in the body, whole names when read and relative ones when written, ids and TTLs
as texts, raw values, 400 for a domain of others. dnscontrol (2026) names the least TTL, the list of
domains and that no space stands at the end of a value; acme.sh and lego agree on the rest. Codes
beside the words, and lists of 1,000 domains, are those of the service's OpenAPI file as other
clients quote it (2026).
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"status": "ERROR", "message": message, "code": code})


class FakePorkbun(FakeApi):
    sources = "recorded exchanges (2024), dnscontrol (2026), OpenAPI file as others quote it (2026)"
    recorded = "agree"
    page_size = 1000
    min_ttl = 600
    refusals = {
        "credentials": _error(400, "INVALID_API_KEYS_001", "Invalid API key. (001)"),
        "permission": _error(
            403, "DOMAIN_NOT_ALLOWED", "This API key is not allowed to operate on this domain."
        ),
        "zone": _error(400, "INVALID_DOMAIN", "Invalid domain."),
        "record": _error(400, "INVALID_RECORD_ID", "Invalid record ID."),
        "quota": _error(429, "RATE_LIMIT_EXCEEDED", "Rate limit exceeded."),
        "invalid": _error(400, "INVALID_RECORD", "The record is not valid."),
        "exists": _error(400, "DUPLICATE_RECORD", "A record with this content already exists."),
    }

    def key_of(self, call: Call) -> str:
        return f"{call.json.get('apikey')} {call.json.get('secretapikey')}"

    @route("POST", "/api/json/v3/domain/listAll")
    def list_domains(self, call: Call) -> Reply:
        first = int(call.json.get("start", 0))
        page = self.allowed_zones()[first : first + self.page_size]
        domains = [{"domain": z.name, "status": "ACTIVE", "notLocal": 0} for z in page]
        return Reply(200, {"status": "SUCCESS", "count": len(domains), "domains": domains})

    @route("POST", "/api/json/v3/dns/retrieve/{domain}")
    def retrieve(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        records = [self._render(one, zone) for one in zone.records]
        return Reply(200, {"status": "SUCCESS", "cloudflare": "enabled", "records": records})

    @route("POST", "/api/json/v3/dns/create/{domain}")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        name, kind, value = new["name"], new["type"], new["content"]
        if not value or value.endswith(" "):
            raise RefusedError("invalid")
        record = self.create(zone, name, kind, value, int(new["ttl"]))
        return Reply(200, {"status": "SUCCESS", "id": record.id})

    delete_record = deletes(
        "/api/json/v3/dns/delete/{zone}/{id}", Reply(200, {"status": "SUCCESS"}), method="POST"
    )

    def _render(self, record: Record, zone: FakeZone) -> dict[str, Any]:
        return {
            "id": str(record.id),
            "name": f"{record.name}.{zone.name}".lstrip("."),
            "type": record.type,
            "content": record.value,
            "ttl": str(record.ttl),
            "prio": "0",
            "notes": None,
        }
