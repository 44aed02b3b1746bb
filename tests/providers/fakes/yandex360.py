"""The API of Yandex 360 for the domains of an organization and their DNS records.

Made from the API reference (yandex.ru/dev/api360, DomainDNSService, copies of 2025 and 2026) for
paths, members, pages and statuses, and from lego and acme.sh (2026), which agree: relative names
when written, an authorization of the kind OAuth. The reference has whole names in what is read. The
words of refusals are made up.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, route
from tests.support.fake_http import Reply

ORGANIZATION = "1234567"
_ROOT = "/directory/v1/org/{org}/domains"


def _error(status: int, code: int, message: str) -> Reply:
    return Reply(status, {"code": code, "message": message, "details": []})


class FakeYandex360(FakeApi):
    sources = "API reference, lego and acme.sh (2026)"
    page_size = 50
    min_ttl = 60
    key_line = "Authorization: OAuth "
    refusals = {
        "credentials": _error(401, 16, "The token is not valid"),
        "permission": _error(403, 7, "No permission to manage DNS"),
        "zone": _error(404, 5, "Domain not found"),
        "record": _error(404, 5, "Record not found"),
        "invalid": _error(400, 3, "The name of the record is not valid"),
    }
    impossible = {"quota": "no limit of records is documented"}

    @route("GET", _ROOT)
    def list_domains(self, call: Call) -> Reply:
        assert call["org"] == ORGANIZATION
        domains = [{"name": zone.name, "master": False} for zone in self.allowed_zones()]
        return self._page(call, "domains", domains, 10)

    @route("GET", _ROOT + "/{domain}/dns")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        records = [
            {
                "recordId": one.id,
                "type": one.type,
                "name": f"{one.name}.{zone.name}".lstrip("."),
                "ttl": one.ttl,
                **({"text": one.value} if one.type == "TXT" else {"address": one.value}),
            }
            for one in zone.records
        ]
        return self._page(call, "records", records, 50)

    @route("POST", _ROOT + "/{domain}/dns")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        name = new["name"].replace("@", "")
        record = self.create(zone, name, new["type"], new["text"], new["ttl"])
        return Reply(200, {**new, "recordId": record.id})

    @route("DELETE", _ROOT + "/{domain}/dns/{id}")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call["domain"]), call["id"])
        return Reply(200, {})

    def _page(self, call: Call, what: str, items: list[dict[str, Any]], usual: int) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("perPage", usual))
        page, last = self.page(items, number, size)
        facts = {"page": number, "pages": last, "perPage": size, "total": len(items)}
        return Reply(200, {what: page, **facts})
