"""IBM Cloud Internet Services and the service that makes tokens of API keys (IAM).

Made from IBM's own client (github.com/IBM/networking-go-sdk, dnsrecordsv1, 2020, whose calls the
documentation of 2026 still shows): paths with the CRN, filters, pages, fields, ``result``, ids that
are texts. Tokens and the code of an unknown key are those of IBM's documentation of IAM; the
details of a key, and how its end is written, those of IBM's client (platform-services-go-sdk,
2026). The form of refusals is Cloudflare's, which stands behind the service; their words are made
up.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, route
from tests.support.fake_http import Reply

CRN = "crn:v1:bluemix:public:internet-svcs:global:a/0123456789abcdef:01234567-89ab-cdef::"


def _error(status: int, code: int, message: str) -> Reply:
    return Reply(status, {"success": False, "errors": [{"code": code, "message": message}]})


class FakeIbmCis(FakeApi):
    sources = "IBM's client (2020) and documentation (2026)"
    page_size = 100
    min_ttl = 120
    logins = "/identity/token"
    refusals = {
        "credentials": Reply(
            400,
            {
                "errorCode": "BXNIM0415E",
                "errorMessage": "Provided API key could not be found.",
            },
        ),
        "permission": _error(403, 10000, "The key is not allowed to do this"),
        "zone": _error(404, 1001, "Zone not found"),
        "record": _error(404, 81044, "Record not found"),
        "exists": _error(400, 81058, "An identical record already exists."),
        "invalid": _error(400, 9005, "Content for TXT record is invalid"),
    }
    impossible = {"quota": "no source shows what it answers"}

    @route("POST", "/identity/token")
    def login(self, call: Call) -> Reply:
        form = call.form
        assert form["grant_type"] == "urn:ibm:params:oauth:grant-type:apikey"
        token = {"access_token": self.issue(form["apikey"]), "token_type": "Bearer"}
        return Reply(200, {**token, "expires_in": 3600})

    @route("GET", "/v1/apikeys/details")
    def key_details(self, call: Call) -> Reply:
        assert call.headers["iam-apikey"] == self.key_of(call)
        end = {"expires_at": f"{self.expires:%Y-%m-%dT%H:%M+0000}"} if self.expires else {}
        return Reply(200, {"id": "ApiKey-01234567", "name": "dns", "locked": False, **end})

    @route("GET", "/v1/{crn}/zones")
    def list_zones(self, call: Call) -> Reply:
        assert call["crn"] == CRN
        return self._page(call, [{"id": z.id, "name": z.name} for z in self.allowed_zones()])

    @route("GET", "/v1/{crn}/zones/{zone}/dns_records")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["zone"], by_id=True), call.query
        records = [_render(zone.name, one) for one in zone.records]
        return self._page(
            call,
            [r for r in records if (r["type"], r["name"]) == (wanted["type"], wanted["name"])],
        )

    @route("POST", "/v1/{crn}/zones/{zone}/dns_records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json
        name = new["name"].removesuffix(zone.name).rstrip(".")
        record = self.create(zone, name, new["type"], new["content"], new["ttl"])
        return Reply(200, {"success": True, "result": _render(zone.name, record), "errors": []})

    @route("DELETE", "/v1/{crn}/zones/{zone}/dns_records/{record}")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call["zone"], by_id=True), call["record"])
        return Reply(200, {"success": True, "result": {"id": call["record"]}, "errors": []})

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        page, _ = self.page(items, int(call.query["page"]), int(call.query["per_page"]))
        info = {"page": int(call.query["page"]), "count": len(page), "total_count": len(items)}
        return Reply(200, {"success": True, "result": page, "errors": [], "result_info": info})


def _render(zone: str, record: Record) -> dict[str, Any]:
    name = f"{record.name}.{zone}".lstrip(".")
    facts = {"id": str(record.id), "type": record.type, "ttl": record.ttl}
    return {**facts, "name": name, "content": record.value}
