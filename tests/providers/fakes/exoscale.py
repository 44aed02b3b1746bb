"""Exoscale's API v2 for DNS domains and records.

Made from Exoscale's API description (egoscale, July 2026: v3/generator/source.yaml for paths,
fields, operations; v2/api for the signature); lego, acme.sh and dnscontrol (2026) agree. What
dns-lexicon recorded (2019) is the former API. Of refusals only the statuses and that they have a
`message` are known; the words of a wrong key are the former API's.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, route
from tests.support.fake_http import Reply
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.exoscale import sign_exo2


class FakeExoscale(FakeApi):
    sources = "API description and clients (2026)"
    recorded = "none of this API (the former one, 2019)"
    refusals = {
        "credentials": Reply(
            401, {"message": "unable to verify user credentials and/or request signature"}
        ),
        "permission": Reply(403, {"message": "Forbidden by role policy"}),
        "zone": Reply(404, {"message": "Domain not found"}),
        "record": Reply(404, {"message": "Record not found"}),
        "invalid": Reply(400, {"message": "Invalid record name"}),
    }
    impossible = {"quota": "what it answers then is not known"}

    def __init__(self) -> None:
        super().__init__()
        self.pending = 0  # so many looks at an operation say that it is not done
        self.failure = ""  # why operations fail

    def key_of(self, call: Call) -> str:
        text = call.headers.get("authorization", "")
        words = dict(one.split("=", 1) for one in text.split(" ", 1)[-1].split(","))
        url = f"http://{call.headers['host']}{call.request.path}"
        request = ApiRequest(call.request.method, url, {}, call.request.body)
        for key in self.keys:
            signed = sign_exo2(request, words["credential"], key, int(words["expires"]))
            if signed.headers["Authorization"] == text:
                return key
        return ""

    @route("GET", "/v2/dns-domain")
    def list_domains(self, call: Call) -> Reply:
        zones = [{"id": zone.id, "unicode-name": zone.name} for zone in self.allowed_zones()]
        return Reply(200, {"dns-domains": zones})

    @route("GET", "/v2/dns-domain/{zone}/record")
    def list_records(self, call: Call) -> Reply:
        records = [
            {"id": str(one.id), "name": one.name, "type": one.type, "ttl": one.ttl}
            | {"content": f'"{one.value}"' if one.type == "TXT" else one.value}
            for one in self.zone(call["zone"], by_id=True).records
        ]
        return Reply(200, {"dns-domain-records": records})

    @route("POST", "/v2/dns-domain/{zone}/record")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json
        if not self.failure:
            self.create(zone, new["name"], new["type"], new["content"], new["ttl"])
        return self._operation()

    @route("DELETE", "/v2/dns-domain/{zone}/record/{id}")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call["zone"], by_id=True), call["id"])
        return self._operation()

    @route("GET", "/v2/operation/{id}")
    def get_operation(self, call: Call) -> Reply:
        self.pending -= 1
        return self._operation()

    def _operation(self) -> Reply:
        operation = {"id": "8a1f", "state": "pending" if self.pending else "success"}
        if self.failure and not self.pending:
            operation |= {"state": "failure", "reason": "conflict", "message": self.failure}
        return Reply(200, operation)
