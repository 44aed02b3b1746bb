"""DNSimple's API v2 for accounts, zones and their records.

Made from the API reference and its recorded answers (github.com/dnsimple/dnsimple-developer,
content and fixtures, September 2025): paths, filters, pages, statuses, error bodies. The exchanges
that dns-lexicon recorded with the sandbox (July 2018) agree on paths, parameters and parsing, but
for the account, which it finds in /accounts, and values, which it sends without quotes. dnscontrol
(2026) sends values in quotes, reads them with or without, and names the limits of values. What is
said to an identical record is in the OpenAPI file (July 2026, for batches), and users of
DNSimple's Terraform provider met it for single ones (2023); clients of 2017 met other words.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, deletes, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import unquote_txt

_TIME = "2025-09-23T10:21:06Z"


def _error(status: int, message: str, **errors: list[str]) -> Reply:
    return Reply(status, {"message": message, **({"errors": errors} if errors else {})})


class FakeDnsimple(FakeApi):
    sources = "API reference (2025), recorded exchanges (2018), dnscontrol (2026)"
    recorded = "agree, but the account is asked for, and values are sent in quotes"
    page_size = 100
    refusals = {
        "credentials": _error(401, "Authentication failed"),
        "permission": _error(403, "Permission Denied. Required Scope: zones:zone.example:write"),
        "zone": _error(404, "Zone `unknown.example` not found"),
        "record": _error(404, "Record `0` not found"),
        "quota": _error(429, "quota exceeded"),
        "invalid": _error(400, "Validation failed", name=["has a character that is not valid"]),
        "exists": _error(
            400, "Validation failed", base=["Matching record already exists for this zone"]
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.user_accounts: list[int] = []  # those of a user's token

    @route("GET", "/v2/whoami")
    def whoami(self, call: Call) -> Reply:
        account = None if self.user_accounts else {"id": 1010, "email": "me@example.com"}
        return Reply(200, {"data": {"user": None, "account": account}})

    @route("GET", "/v2/accounts")
    def list_accounts(self, call: Call) -> Reply:
        return Reply(200, {"data": [{"id": number} for number in self.user_accounts]})

    @route("GET", "/v2/{account}/zones")
    def list_zones(self, call: Call) -> Reply:
        facts: dict[str, Any] = {"account_id": int(call["account"]), "secondary": False}
        return self._page(call, [{"name": zone.name, **facts} for zone in self.allowed_zones()])

    @route("GET", "/v2/{account}/zones/{zone}/records")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["zone"]), call.query
        return self._page(
            call,
            [
                self._render(one, zone.name)
                for one in zone.records
                if wanted.get("type") in (None, one.type) and wanted.get("name") in (None, one.name)
            ],
        )

    @route("POST", "/v2/{account}/zones/{zone}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"]), call.json
        value = unquote_txt(new["content"])
        record = self.create(
            zone, new["name"], new["type"], value, new["ttl"], content=new["content"]
        )
        return Reply(201, {"data": self._render(record, zone.name)})

    delete_record = deletes("/v2/{account}/zones/{zone}/records/{id}", Reply(204))

    def _render(self, record: Record, zone: str) -> dict[str, Any]:
        return {
            "id": record.id,
            "zone_id": zone,
            "parent_id": None,
            "name": record.name,
            "content": record.extra.get("content", record.value),
            "ttl": record.ttl,
            "priority": None,
            "type": record.type,
            "regions": ["global"],
            "system_record": False,
            "created_at": _TIME,
            "updated_at": _TIME,
        }

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 30))
        page, last = self.page(items, number, size)
        pagination = {
            "current_page": number,
            "per_page": size,
            "total_entries": len(items),
            "total_pages": last,
        }
        return Reply(200, {"data": page, "pagination": pagination})
