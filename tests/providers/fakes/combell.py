"""Combell's API v2 for domains and DNS records.

Made from Combell's own reference (api.combell.com/v2/documentation, its OpenAPI file as of October
2024): the signature, pages by skip and take that may have less than was asked for, the number of
all in a header, statuses, error_code and error_text, Location. Bodies from the tests of a PHP
client (2019: ids such as 1-1122334455, an empty name for the domain itself) and Posh-ACME (2026:
parameters, the same signature, TTL 60). The codes of errors are made up; how quotes within a value
come back is not documented, here bare.
"""

from __future__ import annotations

from functools import partial

from tests.support.fake_api import Call, FakeApi, route
from tests.support.fake_http import Reply
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.combell import sign_combell


def _error(status: int, code: str, text: str) -> Reply:
    return Reply(status, {"error_code": code, "error_text": text})


class FakeCombell(FakeApi):
    sources = "reference (2024), Posh-ACME (2026), a PHP client's tests (2019)"
    page_size = 40  # the most on one is not documented, but that it may be less than was asked for
    min_ttl = 60
    refusals = {
        "credentials": _error(401, "authorization_invalid", "The hmac is not valid."),
        "permission": _error(403, "forbidden", "Access to the resource is not allowed."),
        "zone": _error(404, "not_found", "The domain cannot be found."),
        "record": _error(404, "not_found", "The record cannot be found."),
        "invalid": _error(400, "invalid", "The record name is not valid."),
    }
    impossible = {"quota": "no limit of records is documented; 429 is for the rate of requests"}

    def key_of(self, call: Call) -> str:
        found = call.headers.get("authorization", "")
        key, _, nonce, time = f"{found.removeprefix('hmac ')}:::".split(":")[:4]
        url = f"http://{call.headers['host']}{call.request.path}"
        request = ApiRequest(call.request.method, url, {}, call.request.body)
        sign = partial(sign_combell, request, key, nonce=nonce, time=time)
        return next((secret for secret in self.keys if sign(secret) == found), "")

    @route("GET", "/v2/domains")
    def list_domains(self, call: Call) -> Reply:
        facts = {"expiration_date": "2019-12-23T23:00:00Z", "will_renew": True}
        return self._page(call, [{"domain_name": z.name, **facts} for z in self.allowed_zones()])

    @route("GET", "/v2/dns/{domain}/records")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["domain"]), call.query
        found = [
            {
                "id": f"1-{one.id}",
                "type": one.type,
                "record_name": one.name,
                "ttl": one.ttl,
                "content": one.value,
            }
            for one in zone.records
            if one.type == wanted["type"] and wanted.get("record_name") in (None, one.name)
        ]
        return self._page(call, found)

    @route("POST", "/v2/dns/{domain}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        made = self.create(zone, new["record_name"], new["type"], new["content"], new["ttl"])
        return Reply(201, b"", {"Location": f"/v2/dns/{zone.name}/records/1-{made.id}"})

    @route("DELETE", "/v2/dns/{domain}/records/{record}")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call["domain"]), call["record"].removeprefix("1-"))
        return Reply(204)

    def _page(self, call: Call, items: list[dict[str, object]]) -> Reply:
        skip, take = int(call.query.get("skip", 0)), int(call.query.get("take", 25))
        page = items[skip : skip + min(take, self.page_size)]
        return Reply(200, page, {"X-Paging-TotalResults": str(len(items))})
