"""Cloudflare's API v4 for zones and DNS records.

Made from the API reference (developers.cloudflare.com/api/resources/dns, stored copies of 2025 and
2026) for parameters and for TXT contents as quoted strings, and from the exchanges that dns-lexicon
recorded (August 2025), with which paths, parameters and parsing agree: bodies, pages, the refusal
of an identical record, contents that were written without quotes and come back so. dnscontrol
(2026) agrees on contents with and without quotes. Error codes also from lego's recorded bodies
(2026) and from issues of others' clients (2020 to 2026): 9109 with status 403 for a wrong token,
10000 for one that may not do it, the words of the quota of records. What verifies a token, of a
user or of an account, is as the API reference has it (2026); that it does not know the other kind
is as other clients met it.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import unquote_txt

_TIME = "2025-08-27T20:36:17.634961Z"


def _error(status: int, code: int, message: str) -> Reply:
    errors = [{"code": code, "message": message}]
    return Reply(status, {"result": None, "success": False, "errors": errors, "messages": []})


class FakeCloudflare(FakeApi):
    sources = "API reference (2026), recorded exchanges (2025), other clients (2026)"
    recorded = "agree"
    page_size = 50
    min_ttl = 60
    refusals = {
        "credentials": _error(403, 9109, "Invalid access token"),
        "permission": _error(403, 10000, "Authentication error"),
        "zone": _error(
            404,
            7003,
            "Could not route to /client/v4/zones/nothing/dns_records, perhaps your"
            " object identifier is invalid?",
        ),
        "record": _error(404, 81044, "Record does not exist."),
        "quota": _error(400, 81045, "Record quota exceeded."),
        "invalid": _error(400, 9000, "DNS name is invalid."),
        "exists": _error(400, 81058, "An identical record already exists."),
    }

    def __init__(self) -> None:
        super().__init__()
        self.account_owns_token = False

    @route("GET", "/client/v4/user/tokens/verify")
    def verify_user_token(self, call: Call) -> Reply:
        return self._verified(known=not self.account_owns_token)

    @route("GET", "/client/v4/accounts/account-1/tokens/verify")
    def verify_account_token(self, call: Call) -> Reply:
        return self._verified(known=self.account_owns_token)

    def key_of(self, call: Call) -> str:
        if key := call.headers.get("x-auth-key"):
            return f"{call.headers['x-auth-email']} {key}"
        return call.bearer

    @route("GET", "/client/v4/zones")
    def list_zones(self, call: Call) -> Reply:
        return self._page(
            call,
            [
                {"id": z.id, "name": z.name, "status": "active", "account": {"id": "account-1"}}
                for z in self.allowed_zones()
            ],
        )

    @route("GET", "/client/v4/zones/{zone}/dns_records")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        kind, name = call.query.get("type"), call.query.get("name")
        rendered = [
            self._render(one, zone.name) for one in zone.records if kind in (None, one.type)
        ]
        return self._page(call, [one for one in rendered if name in (None, one["name"])])

    @route("POST", "/client/v4/zones/{zone}/dns_records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json
        name = new["name"].removesuffix(zone.name).rstrip(".")
        value = unquote_txt(new["content"])
        record = self.create(zone, name, new["type"], value, new["ttl"], content=new["content"])
        return self._result(self._render(record, zone.name))

    @route("DELETE", "/client/v4/zones/{zone}/dns_records/{id}")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self.zone(call["zone"], by_id=True), call["id"])
        return self._result({"id": call["id"]})

    def _render(self, record: Record, zone: str) -> dict[str, Any]:
        return {
            "id": str(record.id),
            "name": f"{record.name}.{zone}".lstrip("."),
            "type": record.type,
            "content": record.extra.get("content", record.value),
            "proxiable": False,
            "proxied": False,
            "ttl": record.ttl,
            "settings": {},
            "meta": {},
            "comment": None,
            "tags": [],
            "created_on": _TIME,
            "modified_on": _TIME,
        }

    def _verified(self, *, known: bool) -> Reply:
        if not known:
            return _error(401, 1000, "Invalid API Token")
        end = {"expires_on": f"{self.expires:%Y-%m-%dT%H:%M:%SZ}"} if self.expires else {}
        return self._result({"id": "ed17574386854bf78a67040be0a770b0", "status": "active", **end})

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 20))
        page, last = self.page(items, number, size)
        info = {"page": number, "per_page": size, "count": len(page), "total_count": len(items)}
        return self._result(page, result_info={**info, "total_pages": last})

    def _result(self, result: object, **more: object) -> Reply:
        return Reply(200, {"result": result, "success": True, "errors": [], "messages": [], **more})
