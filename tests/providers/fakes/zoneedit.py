"""ZoneEdit's dynamic TXT records: txt-create.php and txt-delete.php.

Made from three clients that agree (acme.sh, lego, Posh-ACME, 2026), and from lego's bodies for
tests: paths, Basic authorization, host in full with ``@.`` before that of the domain itself,
elements that are not closed, 702 and 708. Posh-ACME has ``PARAM`` in the 702, which is also said of
a zone that is still locked. Other codes, and what is said of a value that is there already or is
not, are in none of them.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply


def _error(code: int, text: str) -> Reply:
    more = ' PARAM="10"' if code == 702 else ""
    return Reply(200, f'<ERROR CODE="{code}"{more} TEXT="{text}" ZONE="zone">\n'.encode())


class FakeZoneEdit(FakeApi):
    sources = "three clients (2026)"
    lists_zones = False
    refusals = {
        "credentials": _error(708, "Failed Login: user"),
        "zone": _error(799, "Not known"),
        "record": _error(799, "Not there"),
        "invalid": _error(799, "Bad record"),
        "quota": _error(702, "Minimum 10 seconds between requests"),
    }
    impossible = {
        "permission": "a token is for one domain, and may change all that is dynamic there",
        "zone": "its code is not known",
    }

    @route("GET", "/txt-create.php")
    def create_txt(self, call: Call) -> Reply:
        zone, name = self.place(call.query["host"].removeprefix("@."))
        self.create(zone, name, "TXT", call.query["rdata"], 300)
        return _success(call, "created")

    @route("GET", "/txt-delete.php")
    def delete_txt(self, call: Call) -> Reply:
        zone, name = self.place(call.query["host"].removeprefix("@."))
        gone = [one for one in zone.at(name) if one.value == call.query["rdata"]]
        if not gone:
            raise RefusedError("record")
        self.delete(zone, str(gone[0].id))
        return _success(call, "deleted")


def _success(call: Call, done: str) -> Reply:
    text = f"{call.query['host']} TXT with rdata {call.query['rdata']} {done}"
    return Reply(200, f'<SUCCESS CODE="200" TEXT="{text}" ZONE="zone">\n'.encode())
