"""A web service that speaks lego's httpreq protocol in its default mode.

Made from lego's documentation and source (github.com/go-acme/lego, July 2026:
providers/dns/httpreq): paths, bodies, Basic authentication; what refusals look like is up to the
service. A request says what is wanted, so this service takes it twice.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, route
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

    @route("POST", "/present")
    def present(self, call: Call) -> Reply:
        zone, name = self.place(call.json["fqdn"].removesuffix("."))
        if call.json["value"] not in [one.value for one in zone.at(name)]:
            self.create(zone, name, "TXT", call.json["value"], 60)
        return Reply(200)

    @route("POST", "/cleanup")
    def cleanup(self, call: Call) -> Reply:
        zone, name = self.place(call.json["fqdn"].removesuffix("."))
        for one in zone.at(name):
            if one.value == call.json["value"]:
                self.delete(zone, str(one.id))
        return Reply(200)
