"""PointDNS's API for zones and records.

Made from the exchanges that dns-lexicon recorded (2018), with which paths, parameters and bodies
agree but for the host (api.pointhq.com in acme.sh, Posh-ACME and lego, 2026), the zone's name in
place of its id (acme.sh and lego), and the filter by name, on which clients disagree. "Access
denied" and the answer to DELETE are from lego's tests (May 2026), its status is made up. How quotes
within a value come back is not documented: here as in a zone file.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, Record, deletes, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"status": "Error", "message": message})


class FakePointDns(FakeApi):
    sources = "recorded exchanges (2018), lego (2026), acme.sh (2026)"
    recorded = "agree, but for the host and the zone's name in place of its id"
    refusals = {
        "credentials": _error(403, "Access denied"),
        "zone": _error(404, "Not found"),
        "record": _error(404, "Not found"),
        "invalid": _error(422, "Name is invalid"),
    }
    impossible = {
        "permission": "a key may do everything with the account's zones",
        "quota": "no limit of records is documented",
    }

    @route("GET", "/zones")
    def list_zones(self, call: Call) -> Reply:
        facts = {"group": "Default Group", "ttl": 3600}
        zones = self.allowed_zones()
        return Reply(200, [{"zone": {"id": z.id, "name": z.name, **facts}} for z in zones])

    @route("GET", "/zones/{zone}/records")
    def list_records(self, call: Call) -> Reply:
        zone, kind = self.zone(call["zone"]), call.query.get("record_type")
        found = [one for one in zone.records if kind in (None, one.type)]
        return Reply(200, [self._render(zone.name, one) for one in found])

    @route("POST", "/zones/{zone}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"]), call.json["zone_record"]
        made = self.create(zone, new["name"], new["record_type"], new["data"], new["ttl"])
        return Reply(201, self._render(zone.name, made))

    delete_record = deletes(
        "/zones/{zone}/records/{id}", Reply(200, {"zone_record": {"status": "OK"}})
    )

    def _render(self, zone: str, record: Record) -> dict[str, object]:
        found = {
            "name": f"{record.name}.{zone}.".lstrip("."),
            "data": quote_txt(record.value) if record.type == "TXT" else record.value,
            "id": record.id,
            "aux": None,
            "record_type": record.type,
            "ttl": record.ttl,
        }
        return {"zone_record": found}
