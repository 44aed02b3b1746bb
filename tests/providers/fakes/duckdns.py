"""Duck DNS's update URL.

Made from the exchanges that dns-lexicon recorded (January 2023, with ``verbose``, for which ``OK``
is the first line; here it is the only one) and from acme.sh and lego (2026), which agree: domains,
token, txt, clear, and ``KO`` for whatever is refused. Queries agree but for ``verbose``. All names
below a domain have its value.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply

_REFUSED = Reply(200, b"KO")


class FakeDuckDns(FakeApi):
    """Its zones are domains; the value stands at their empty name."""

    sources = "recorded exchanges (2023), clients (2026)"
    recorded = "agree but for verbose, which adds lines to the answer"
    lists_zones = False
    refusals = {"credentials": _REFUSED, "zone": _REFUSED, "invalid": _REFUSED}
    impossible = {
        "permission": "KO is said for everything",
        "zone": "KO is said for everything",
        "quota": "there is one value",
    }

    def key_of(self, call: Call) -> str:
        return call.query.get("token", "")

    @route("GET", "/update")
    def update(self, call: Call) -> Reply:
        query = call.query
        if "refused" in query["txt"]:
            raise RefusedError("invalid")
        zone = self.zone(f"{query['domains']}.duckdns.org")
        values = [] if query.get("clear") == "true" else [query["txt"]]
        self.replace(zone, "", "TXT", values, 60)
        return Reply(200, b"OK")
