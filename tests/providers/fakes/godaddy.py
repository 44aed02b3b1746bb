"""GoDaddy's Domains API v1: domains, and TXT records by their name.

Made from GoDaddy's reference (developer.godaddy.com/doc/endpoint/domains, as clients quote it in
2026): paths, methods, a marker that is the last domain of a page, error codes. Bodies from the
exchanges that dns-lexicon recorded (December 2021), with which paths, parameters and parsing
agree, and from lego's tests (2024). That a personal token goes into the same paths as a key, and
with which scopes, is from GoDaddy's own command-line client and scripts of users (2026). The status
of domains that are registered elsewhere is from Posh-ACME's issue 254 (2020) and acmebot's change
1006 (2026).
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, route
from tests.support.fake_http import Reply


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"code": code, "message": message})


_FIELD = "does not match the pattern of names that this kind of record may have here"


class FakeGoDaddy(FakeApi):
    sources = "reference (2026), recorded exchanges (2021), lego (2024)"
    recorded = "agree, but an empty set is deleted"
    page_size = 1000
    min_ttl = 600
    refusals = {
        "credentials": _error(401, "UNABLE_TO_AUTHENTICATE", "Could not authenticate API key"),
        "permission": _error(403, "ACCESS_DENIED", "Authenticated user is not allowed access"),
        "zone": _error(404, "NOT_FOUND", "Domain unknown.example not found for shopper"),
        "quota": _error(429, "TOO_MANY_REQUESTS", "Too many requests received within interval"),
        "invalid": Reply(
            422,
            {
                "code": "INVALID_BODY",
                "message": "Request body doesn't fulfill schema, see details in `fields`",
                "fields": [{"code": "UNEXPECTED_VALUE", "path": "name", "message": _FIELD}],
            },
        ),
    }

    def key_of(self, call: Call) -> str:
        kind, _, key = call.headers.get("authorization", "").partition(" ")
        return key.partition(":")[2] if kind == "sso-key" else call.bearer

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: set[str] = set()  # names of domains that are registered elsewhere

    def _status(self, name: str) -> str:
        return "PENDING_DNS_ACTIVE" if name in self.elsewhere else "ACTIVE"

    @route("GET", "/v1/domains")
    def list_domains(self, call: Call) -> Reply:
        wanted = call.query["statuses"].split(",")
        names = sorted(z.name for z in self.allowed_zones() if self._status(z.name) in wanted)
        after = [name for name in names if name > call.query.get("marker", "")]
        size = min(int(call.query.get("limit", 100)), self.page_size)
        return Reply(200, [{"domain": name, "status": self._status(name)} for name in after[:size]])

    @route("GET", "/v1/domains/{domain}/records/TXT/{name}")
    def get_records(self, call: Call) -> Reply:
        zone, name = self.zone(call["domain"]), call["name"]
        found = [
            {"data": one.value, "name": name, "ttl": one.ttl, "type": "TXT"}
            for one in zone.at(name.replace("@", ""))
        ]
        return Reply(200, found)

    @route("PUT", "/v1/domains/{domain}/records/TXT/{name}")
    def replace_records(self, call: Call) -> Reply:
        zone, name = self.zone(call["domain"]), call["name"].replace("@", "")
        values = [one["data"] for one in call.json]
        self.replace(zone, name, "TXT", values, max(one["ttl"] for one in call.json))
        return Reply(200)

    @route("DELETE", "/v1/domains/{domain}/records/TXT/{name}")
    def delete_records(self, call: Call) -> Reply:
        self.replace(self.zone(call["domain"]), call["name"].replace("@", ""), "TXT", [], 600)
        return Reply(204)
