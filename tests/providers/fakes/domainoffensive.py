"""Domain-Offensive's API for challenges, my.do.de/api/letsencrypt.

Made from three clients that agree (acme.sh, lego, Posh-ACME, 2026), and from lego's body for tests:
token, domain in full, value or action=delete, ``success``. acme.sh sets two values one after the
other and lego lets one validation after the other begin; what is done with a second value is in
none of them, nor what a refusal says, which is made up here.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, route
from tests.support.fake_http import Reply


def _error(words: str) -> Reply:
    return Reply(200, {"success": False, "error": words})


class FakeDomainOffensive(FakeApi):
    sources = "three clients (2026)"
    lists_zones = False
    refusals = {
        "credentials": _error("Token"),
        "zone": _error("Domain"),
        "invalid": _error("Value"),
    }
    impossible = {
        "credentials": "all refusals look alike",
        "permission": "all refusals look alike",
        "zone": "all refusals look alike",
        "quota": "all refusals look alike",
    }

    def key_of(self, call: Call) -> str:
        return call.query.get("token", "")

    @route("GET", "/api/letsencrypt")
    def change(self, call: Call) -> Reply:
        query = call.query
        zone, name = self.place(query["domain"])
        values = [] if query.get("action") == "delete" else [query["value"]]
        self.replace(zone, name, "TXT", values, 300)
        return Reply(200, {"domain": query["domain"], "success": True})
