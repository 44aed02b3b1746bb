"""UltraDNS's REST API: zones and their TXT sets.

Made from the exchanges that dns-lexicon recorded (version 2, April 2020): paths, bodies, values as
they come back, error 1801. octodns-ultra (August 2026) agrees, and has the tokens, the pages of
zones by cursor, error 60001 and error 70002 for what is not there, which is what a set that is
asked for by itself answers. The words for a set that already exists, and for a user without rights,
are made up.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt


def _error(status: int, code: int, message: str) -> Reply:
    return Reply(status, [{"errorCode": code, "errorMessage": message}])


class FakeUltraDns(FakeApi):
    sources = "recorded exchanges (2020), octodns's client (2026)"
    recorded = "agree, but a set is asked for by itself here"
    page_size = 1000
    logins = "/authorization/token"
    refusals = {
        "credentials": Reply(
            401, {"errorCode": 60001, "errorMessage": "invalid_grant:Invalid username or password"}
        ),
        "permission": _error(403, 4002, "User does not have permission on the specified zone."),
        "zone": _error(404, 1801, "Zone does not exist in the system."),
        "nothing": _error(404, 70002, "Data not found."),
        "there": _error(400, 2111, "Resource Record of type 16 already exists in the system."),
        "invalid": _error(400, 53005, "Invalid owner name."),
    }
    impossible = {"quota": "no source shows what it answers"}

    @route("POST", "/authorization/token")
    def login(self, call: Call) -> Reply:
        form = call.form
        token = self.issue(f"{form['username']}:{form['password']}")
        return Reply(200, {"token_type": "Bearer", "access_token": token, "expires_in": "3600"})

    @route("GET", "/zones")
    def list_zones(self, call: Call) -> Reply:
        if not self.allowed_zones():
            raise RefusedError("nothing")
        number = int(call.query.get("cursor", 1))
        page, last = self.page(self.allowed_zones(), number, int(call.query["limit"]))
        zones = [{"properties": {"name": f"{zone.name}.", "type": "PRIMARY"}} for zone in page]
        more = {"next": str(number + 1)} if number < last else {}
        return Reply(200, {"zones": zones, "cursorInfo": more})

    @route("GET", "/zones/{zone}./rrsets/TXT/{owner}")
    def read_set(self, call: Call) -> Reply:
        zone = self.zone(call["zone"])
        found = zone.at(call["owner"].removesuffix(f"{zone.name}.").rstrip("."))
        if not found:
            raise RefusedError("nothing")
        rdata = [quote_txt(one.value) if ";" in one.value else one.value for one in found]
        one = {"ownerName": call["owner"], "rrtype": "TXT (16)", "ttl": found[0].ttl}
        return Reply(200, {"zoneName": f"{zone.name}.", "rrSets": [{**one, "rdata": rdata}]})

    @route("POST", "/zones/{zone}./rrsets/TXT/{owner}")
    def make_set(self, call: Call) -> Reply:
        return self._write(call, exists=False)

    @route("PUT", "/zones/{zone}./rrsets/TXT/{owner}")
    def replace_set(self, call: Call) -> Reply:
        return self._write(call, exists=True)

    @route("DELETE", "/zones/{zone}./rrsets/TXT/{owner}")
    def delete_set(self, call: Call) -> Reply:
        zone = self.zone(call["zone"])
        name = call["owner"].removesuffix(f"{zone.name}.").rstrip(".")
        if not zone.at(name):
            raise RefusedError("nothing")
        self.replace(zone, name, "TXT", [], 300)
        return Reply(204)

    def _write(self, call: Call, *, exists: bool) -> Reply:
        zone, new = self.zone(call["zone"]), call.json
        name = call["owner"].removesuffix(f"{zone.name}.").rstrip(".")
        if bool(zone.at(name)) != exists:
            raise RefusedError("nothing" if exists else "there")
        self.replace(zone, name, "TXT", new["rdata"], new["ttl"])
        return Reply(200 if exists else 201, {"message": "Successful"})
