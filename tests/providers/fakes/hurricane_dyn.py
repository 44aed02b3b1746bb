"""Hurricane Electric's updates of dynamic TXT records, dyn.dns.he.net/nic/update.

Made from the examples on the service's own page as dns-lexicon recorded it (September 2018: POST
with hostname and password) and from acme.sh, lego and Posh-ACME (2026), which agree about ``txt``
and the answers; lego has the words, and ``.`` in place of a removal. libdns's module (2026) has
``notxt`` for a name whose dynamic record is of another type.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply


class FakeHurricaneDyn(FakeApi):
    sources = "the service's page (2018), three clients (2026)"
    lists_zones = False
    refusals = {
        "credentials": Reply(200, b"badauth"),
        "permission": Reply(200, b"abuse"),
        "zone": Reply(200, b"nohost"),
        "quota": Reply(200, b"interval"),
        "invalid": Reply(200, b"notfqdn"),
    }

    def key_of(self, call: Call) -> str:
        return call.form.get("password", "")

    @route("POST", "/nic/update")
    def update(self, call: Call) -> Reply:
        form = call.form
        zone, name = self.place(form["hostname"])
        if zone.at(name, "A") and not zone.at(name):
            return Reply(200, b"notxt")
        same = [one.value for one in zone.at(name)] == [form["txt"]]
        self.check_change(name)
        if self.full:
            raise RefusedError("quota")
        self.replace(zone, name, "TXT", [form["txt"]], 300)
        return Reply(200, f"{'nochg' if same else 'good'} {form['txt']}\n".encode())
