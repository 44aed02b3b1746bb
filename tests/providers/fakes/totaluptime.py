"""Total Uptime's API, version 2, as far as it is about domains and TXT records.

Made from Posh-ACME (2026), which names the API's documentation (totaluptime.com/api/v2), and from a
libdns module (2023), which agrees: paths, names of fields, rows, ``Success``. The first calls its
JSON a form; the second has members that may be null, and TTLs that are texts in what is read. What
stands in refusals is made up.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.fake_api import Call, FakeApi, deletes, route
from tests.support.fake_http import Reply


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"status": "Failed", "message": message})


class FakeTotalUptime(FakeApi):
    sources = "two clients (2026 and 2023)"
    refusals = {
        "credentials": _error(401, "Invalid credentials"),
        "permission": _error(403, "The role does not allow this"),
        "zone": _error(404, "Domain not found"),
        "record": _error(404, "Record not found"),
        "invalid": _error(200, "Invalid host name"),
    }
    impossible = {"quota": "the source does not show what it answers"}

    @route("GET", "/CloudDNS/Domain/All")
    def list_domains(self, call: Call) -> Reply:
        return _rows([{"id": zone.id, "domainName": zone.name} for zone in self.allowed_zones()])

    @route("GET", "/CloudDNS/Domain/{zone}/TXTRecord/All")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        return _rows(
            [
                {
                    "id": str(one.id),
                    "txtHostName": one.name or "@",
                    "txtText": one.value,
                    "txtTTL": str(one.ttl),
                    "isSameTTL": True,
                    "status": "Success",
                    "domainID": None,
                }
                for one in zone.records
                if one.type == "TXT"
            ]
        )

    @route("POST", "/CloudDNS/Domain/{zone}/TXTRecord")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), json.loads(call.request.body)
        name = new["txtHostName"].replace("@", "")
        self.create(zone, name, "TXT", new["txtText"], new["txtTTL"])
        return Reply(200, {"status": "Success", "message": "Record added"})

    delete_record = deletes(
        "/CloudDNS/Domain/{zone}/TXTRecord/{id}",
        Reply(200, {"status": "Success", "message": None}),
        by_id=True,
    )


def _rows(rows: list[dict[str, Any]]) -> Reply:
    count = {"page": 1, "totalpages": 1, "totalrecords": len(rows)}
    return Reply(200, {"rows": rows, "status": "Success", "message": None, **count})
