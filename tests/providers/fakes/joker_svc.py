"""Joker.com's update of single records, svc.joker.com/nic/replace.

Made from two clients that agree (acme.sh and lego, 2026): the form, an empty value for a removal,
``OK: 1 inserted, 0 deleted``, and OK also for a removal of what is not there. What a refusal says
is in neither; that ``@`` is the domain itself is as in Joker.com's zones.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, route
from tests.support.fake_http import Reply


class FakeJokerSvc(FakeApi):
    sources = "two clients (2026)"
    lists_zones = False
    refusals = {
        "credentials": Reply(200, b"ERROR: not for you"),
        "zone": Reply(200, b"ERROR: not for you"),
        "invalid": Reply(200, b"ERROR: not so"),
    }
    impossible = {
        "credentials": "all refusals look alike",
        "permission": "all refusals look alike",
        "zone": "all refusals look alike",
        "quota": "all refusals look alike",
    }

    def key_of(self, call: Call) -> str:
        return f"{call.form.get('username')} {call.form.get('password')}"

    @route("POST", "/nic/replace")
    def replace_record(self, call: Call) -> Reply:
        form = call.form
        zone, name = self.zone(form["zone"]), form["label"].replace("@", "")
        old, new = len(zone.at(name)), [form["value"]] if form["value"] else []
        self.replace(zone, name, form["type"], new, 300)
        return Reply(200, f"OK: {len(new)} inserted, {old} deleted".encode())
