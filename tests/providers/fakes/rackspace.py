"""Rackspace's identity service and Cloud DNS, whose changes are jobs.

Made from the exchanges that dns-lexicon recorded (March 2018): login, domains with numbers as ids,
records, 202 with a job, its states and the URL where it is asked for; paths, parameters and parsing
agree, but for ``per_page``, which is no parameter. Pages by ``limit`` and ``offset`` are those of
the API reference (docs.rackspace.com/reference/cloud-dns-paginated-collections, 2026), the catalog
and faults those of lego's test data (2026), the least TTL that of lego and Posh-ACME (2026).
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply


class FakeRackspace(FakeApi):
    sources = "recorded exchanges (2018), API reference and two clients (2026)"
    recorded = "agree"
    min_ttl = 300
    logins = r"/v2\.0/tokens|/v1\.0/110011/status/.*"
    key_line = "X-Auth-Token: "
    first_id = 5001
    refusals = {
        "credentials": Reply(
            401, {"unauthorized": {"code": 401, "message": "Username or api key is invalid."}}
        ),
        "permission": Reply(403, {"code": 403, "message": "Role required for operation"}),
        "zone": Reply(404, {"message": "Object not Found.", "code": 404, "details": ""}),
        "record": Reply(404, {"message": "Object not Found.", "code": 404, "details": ""}),
        "quota": Reply(
            413, {"overLimit": {"code": 413, "message": "The account's limit is reached"}}
        ),
        "invalid": Reply(400, {"code": 400, "message": "Bad Request", "details": "Bad record"}),
    }

    def __init__(self) -> None:
        super().__init__()
        self.jobs: dict[str, dict[str, Any]] = {}
        self.later: set[str] = set()  # jobs that have not been asked for yet
        self.endless = False  # jobs do nothing, and do not end

    @route("POST", "/v2.0/tokens")
    def login(self, call: Call) -> Reply:
        key = call.json["auth"]["RAX-KSKEY:apiKeyCredentials"]
        token = self.issue(f"{key['username']}:{key['apiKey']}")
        url = f"http://{call.headers['host']}/v1.0/110011"
        catalog = [
            {"name": "cloudDatabases", "type": "rax:database", "endpoints": [{"region": "SYD"}]},
            {"name": "cloudDNS", "type": "rax:dns", "endpoints": [{"publicURL": url}]},
        ]
        facts = {"id": token, "expires": "2999-11-24T22:05:39.115Z", "tenant": {"id": "110011"}}
        return Reply(200, {"access": {"token": facts, "serviceCatalog": catalog}})

    @route("GET", "/v1.0/110011/domains")
    def list_domains(self, call: Call) -> Reply:
        zones = [{"id": int(zone.id), "name": zone.name} for zone in self.allowed_zones()]
        return self._list(call, "domains", zones)

    @route("GET", "/v1.0/110011/domains/{zone}/records")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["zone"], by_id=True), call.query
        records = [
            {
                "id": f"{one.type}-{one.id}",
                "name": f"{one.name}.{zone.name}".lstrip("."),
                "type": one.type,
                "data": one.value,
                "ttl": one.ttl,
            }
            for one in zone.records
        ]
        found = [r for r in records if (r["type"], r["name"]) == (wanted["type"], wanted["name"])]
        return self._list(call, "records", found)

    @route("POST", "/v1.0/110011/domains/{zone}/records")
    def add_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        for new in call.json["records"]:
            name = new["name"].removesuffix(zone.name).rstrip(".")
            if any(one.value == new["data"] for one in zone.at(name)):
                details = "Record is a duplicate of another record"
                return self._job(call, {"code": 409, "message": "Conflict", "details": details})
            if not self.endless:
                self.create(zone, name, new["type"], new["data"], new["ttl"])
        return self._job(call)

    @route("DELETE", "/v1.0/110011/domains/{zone}/records/{record}")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call["zone"], by_id=True), call["record"].partition("-")[2])
        return self._job(call)

    @route("GET", "/v1.0/110011/status/{job}")
    def job(self, call: Call) -> Reply:
        if not self.key_of(call):
            raise RefusedError("credentials")
        if call["job"] in self.later:
            self.later -= set() if self.endless else {call["job"]}
            return Reply(202, {**self.jobs[call["job"]], "status": "RUNNING", "error": {}})
        return Reply(200, self.jobs[call["job"]])

    def _job(self, call: Call, error: dict[str, Any] | None = None) -> Reply:
        job = f"a5bbd9f6-{next(self._ids)}"
        url = f"http://{call.headers['host']}/v1.0/110011/status/{job}"
        facts = {"jobId": job, "callbackUrl": url, "verb": call.request.method}
        self.jobs[job] = {**facts, "status": "COMPLETED"}
        if error:
            self.jobs[job] = {**facts, "status": "ERROR", "error": error}
        self.later.add(job)
        return Reply(202, {**facts, "status": "RUNNING"})

    def _list(self, call: Call, what: str, items: list[dict[str, Any]]) -> Reply:
        first, size = int(call.query.get("offset", 0)), min(int(call.query["limit"]), 100)
        assert "per_page" not in urlsplit(call.request.path).query
        return Reply(200, {what: items[first : first + size], "totalEntries": len(items)})
