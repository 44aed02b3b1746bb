"""SoftLayer's REST API, as far as it is about domains and their records.

Made from IBM's page about the DNS API (January 2026) and IBM's own client
(github.com/softlayer/softlayer-go, session/rest.go): methods, paths, ``parameters``, filters in the
query, ``resultLimit``, one item without brackets, error bodies, the code of the rate limit. The
exchanges that dns-lexicon recorded (July 2017) are of the XML-RPC API: services, methods, filters
and fields agree. Posh-ACME (2026) agrees on the REST paths. ObjectNotFound and AccessDenied are
codes of the reference (sldn.softlayer.com); the words with them are made up.
"""

from __future__ import annotations

import json
from typing import Any

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": message, "code": f"SoftLayer_Exception_{code}"})


class FakeIbm(FakeApi):
    sources = "IBM's documentation and client (2026), recorded exchanges of another form (2017)"
    recorded = "agree, but are XML-RPC"
    page_size = 100
    first_id = 5001
    refusals = {
        "credentials": Reply(401, {"error": "Invalid API token."}),
        "permission": _error(500, "AccessDenied", "This user has no permission to manage DNS."),
        "zone": _error(404, "ObjectNotFound", "Unable to find object with id of '1'."),
        "record": _error(404, "ObjectNotFound", "Unable to find object with id of '2'."),
        "invalid": _error(500, "Public", "Invalid host name."),
    }
    impossible = {"quota": "no source shows what it answers"}

    @route("GET", "/rest/v3.1/SoftLayer_Account/getDomains.json")
    def list_domains(self, call: Call) -> Reply:
        zones = [{"id": int(zone.id), "name": zone.name} for zone in self.allowed_zones()]
        return self._list(call, zones)

    @route("GET", "/rest/v3.1/SoftLayer_Dns_Domain/{zone}/getResourceRecords.json")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        wanted = json.loads(call.query["objectFilter"])["resourceRecords"]
        records = [
            {"id": one.id, "host": one.name or "@", "data": one.value}
            for one in zone.records
            if wanted["type"]["operation"] == f"_= {one.type.lower()}"
            and wanted["host"]["operation"] == f"_= {one.name or '@'}"
        ]
        return self._list(call, records)

    @route("POST", "/rest/v3.1/SoftLayer_Dns_Domain_ResourceRecord.json")
    def create_record(self, call: Call) -> Reply:
        (new,) = call.json["parameters"]
        zone, name = self.zone(str(new["domainId"]), by_id=True), new["host"].replace("@", "")
        record = self.create(zone, name, new["type"].upper(), new["data"], new["ttl"])
        return Reply(201, {**new, "id": record.id})

    @route("DELETE", "/rest/v3.1/SoftLayer_Dns_Domain_ResourceRecord/{record}.json")
    def delete_record(self, call: Call) -> Reply:
        zones = [
            zone
            for zone in self.allowed_zones()
            if any(str(one.id) == call["record"] for one in zone.records)
        ]
        if not zones:
            raise RefusedError("record")
        self.delete(zones[0], call["record"])
        return Reply(200, True)

    def _list(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        first, size = map(int, call.query["resultLimit"].split(","))
        page = items[first : first + min(size, self.page_size)]
        return Reply(200, page[0] if len(items) == 1 else page)
