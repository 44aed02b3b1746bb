"""A web service that speaks lego's httpreq protocol in its default mode.

Made from lego's documentation and source (github.com/go-acme/lego, July 2026:
providers/dns/httpreq): paths, bodies, Basic authentication; what refusals look like is up to the
service. A request says what is wanted, so this service takes it twice.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, FakeZone, route
from tests.support.fake_http import Reply


class FakeHttpReq(FakeApi):
    sources = "lego's documentation and source (2026)"
    lists_zones = False
    refusals = {
        "credentials": Reply(401, {"error": "Unknown user or password"}),
        "permission": Reply(403, {"error": "Not for this user"}),
        "zone": Reply(400, {"error": "Unknown zone"}),
        "invalid": Reply(400, {"error": "Bad name"}),
    }
    impossible = {
        "zone": "the protocol has no zones",
        "quota": "the protocol has no answer of its own for that",
    }

    def key_of(self, call: Call) -> str:
        return ":".join(call.request.login or ())

    @route("POST", "/present")
    def present(self, call: Call) -> Reply:
        zone, name, value = self._place(call)
        if value not in [one.value for one in zone.at(name)]:
            self.create(zone, name, "TXT", value, 60)
        return Reply(200)

    @route("POST", "/cleanup")
    def cleanup(self, call: Call) -> Reply:
        zone, name, value = self._place(call)
        for one in zone.at(name):
            if one.value == value:
                self.delete(zone, str(one.id))
        return Reply(200)

    def _place(self, call: Call) -> tuple[FakeZone, str, str]:
        whole = call.json["fqdn"].removesuffix(".")
        found = [one.name for one in self.allowed_zones() if f".{whole}".endswith(f".{one.name}")]
        zone = self.zone(max(found, key=len, default=whole))
        return zone, whole.removesuffix(zone.name).rstrip("."), call.json["value"]
