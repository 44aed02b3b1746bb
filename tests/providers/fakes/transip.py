"""TransIP's REST API v6 for domains and DNS entries.

Made from the exchanges that dns-lexicon recorded (January 2022), with which paths, bodies and
parsing agree, and from gotransip (June 2026), acme.sh and Posh-ACME (2026) for the login. Of the
messages those of an unknown domain and of a failed login are the service's own; for the others
only the statuses are known. Changes of a domain at the same time are refused, with 409: issue 22 of
terraform-provider-transip, issue 15 of node-transip-dns-cli.
"""

from __future__ import annotations

import base64

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from tests.support.rsa_keys import is_signed


class FakeTransIp(FakeApi):
    sources = "recorded exchanges (2022), gotransip, acme.sh and Posh-ACME (2026)"
    recorded = "agree"
    min_ttl = 60
    logins = "/v6/auth"
    refusals = {
        "credentials": Reply(
            401, {"error": "Authentication failed, API is not enabled for customer"}
        ),
        "permission": Reply(403, {"error": "This token is read only"}),
        "zone": Reply(404, {"error": "Domain with name 'thisisadomainidonotown.com' not found"}),
        "record": Reply(404, {"error": "Dns entry not found"}),
        "busy": Reply(409, {"error": "The domain is busy"}),
        "invalid": Reply(406, {"error": "This is not a valid name for a dns entry"}),
    }
    impossible = {"quota": "no limit of entries is documented"}

    @route("POST", "/v6/auth")
    def sign_in(self, call: Call) -> Reply:
        assert call.json["login"]
        assert len(call.json["nonce"]) == 32
        signature = base64.b64decode(call.headers["signature"])
        for key in self.keys:
            if is_signed(key, signature, call.request.body, "RS512"):
                return Reply(201, {"token": self.issue(key)})
        raise RefusedError("credentials")

    @route("GET", "/v6/domains")
    def list_domains(self, call: Call) -> Reply:
        return Reply(200, {"domains": [{"name": zone.name} for zone in self.allowed_zones()]})

    @route("GET", "/v6/domains/{domain}/dns")
    def list_entries(self, call: Call) -> Reply:
        entries = [
            {"name": one.name or "@", "expire": one.ttl, "type": one.type, "content": one.value}
            for one in self.zone(call["domain"]).records
        ]
        return Reply(200, {"dnsEntries": entries})

    @route("POST", "/v6/domains/{domain}/dns")
    def create_entry(self, call: Call) -> Reply:
        zone, new = self._wanted(call)
        self.create(zone, new.name, new.type, new.value, new.ttl)
        return Reply(201, [])

    @route("DELETE", "/v6/domains/{domain}/dns")
    def delete_entry(self, call: Call) -> Reply:
        zone, gone = self._wanted(call)
        for one in zone.at(gone.name, gone.type):
            if (one.value, one.ttl) == (gone.value, gone.ttl):
                self.delete(zone, str(one.id))
                return Reply(204)
        raise RefusedError("record")

    def _wanted(self, call: Call) -> tuple[FakeZone, Record]:
        one = call.json["dnsEntry"]
        name = one["name"].replace("@", "")
        record = Record(0, name, one["type"], one["content"], one["expire"])
        return self.zone(call["domain"]), record
