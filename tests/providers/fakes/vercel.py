"""Vercel's REST API for domains (v5) and their DNS records (v4 to read, v2 to change).

Made from the exchanges that dns-lexicon recorded (August 2021), with which paths, parameters and
parsing agree: bodies, relative names, raw values, 404 for an unknown domain. dnscontrol (2026)
has the limits of requests, reads pages of 100 by time, raises TTLs to 60 seconds, and agrees on the
rest, as do lego and acme.sh; teams are those of lego and dnscontrol. The 403 for a wrong token, and
the other one for what the token may not do, are those that other clients met (2026). What it tells
of a token is as the API reference has it (2026).
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, deletes, route
from tests.support.fake_http import Reply

_TIME = 1628537900677


def _error(status: int, code: str, message: str, **more: object) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message, **more}})


class FakeVercel(FakeApi):
    sources = "recorded exchanges (2021), dnscontrol, lego and acme.sh (2026)"
    recorded = "agree"
    page_size = 100
    min_ttl = 60
    refusals = {
        "credentials": _error(403, "forbidden", "Not authorized", invalidToken=True),
        "permission": _error(
            403, "forbidden", 'Not authorized: Trying to access resource under scope "team".'
        ),
        "zone": _error(404, "not_found", "Domain name `unknown.example` not found"),
        "record": _error(404, "not_found", "The DNS record was not found"),
        "quota": _error(429, "rate_limited", "Rate limit exceeded, try again in 10 minutes."),
        "invalid": _error(400, "bad_request", "Invalid request: `name` is not valid."),
    }

    @route("GET", "/v5/user/tokens/current")
    def current_token(self, call: Call) -> Reply:
        end = {"expiresAt": int(self.expires.timestamp() * 1000)} if self.expires else {}
        token = {"id": "5d9f2ebd38ddca62", "name": "dns", "type": "oauth2-token", **end}
        return Reply(200, {"token": {**token, "activeAt": _TIME, "createdAt": _TIME}})

    @route("GET", "/v5/domains")
    def list_domains(self, call: Call) -> Reply:
        domains = [{"name": z.name, "serviceType": "zeit.world"} for z in self.allowed_zones()]
        return self._page(call, "domains", domains)

    @route("GET", "/v4/domains/{domain}/records")
    def list_records(self, call: Call) -> Reply:
        records = self.zone(call["domain"]).records
        return self._page(call, "records", [self._render(one) for one in records])

    @route("POST", "/v2/domains/{domain}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        record = self.create(zone, new["name"], new["type"], new["value"], new["ttl"])
        return Reply(200, {"uid": str(record.id)})

    delete_record = deletes("/v2/domains/{zone}/records/{id}", Reply(200, {}))

    def _render(self, record: Record) -> dict[str, Any]:
        facts = {"name": record.name, "type": record.type, "value": record.value}
        times = {"creator": "me", "created": _TIME, "updated": _TIME}
        return {"id": str(record.id), "slug": "", **facts, **times, "ttl": record.ttl}

    def _page(self, call: Call, what: str, items: list[dict[str, Any]]) -> Reply:
        until, size = int(call.query.get("until", _TIME)), int(call.query.get("limit", 20))
        number = _TIME - until + 1  # one page for each millisecond
        page, last = self.page(items, number, size)
        after = until - 1 if number < last else None
        pagination = {"count": len(page), "next": after, "prev": None}
        return Reply(200, {what: page, "pagination": pagination})
