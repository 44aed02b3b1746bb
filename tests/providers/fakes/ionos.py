"""IONOS's hosting DNS API v1: zones and their records.

Made from the exchanges that dns-lexicon recorded (December 2024), with which paths, parameters and
parsing agree: a list of records to post, values that come back in quotes, and where nothing has the
name an empty list, not an absent one. Error bodies and codes from IONOS's own reference
(developer.hosting.ionos.com/docs/dns) as lego's tests hold it (2026). acme.sh (2026) and Posh-ACME
(2026) agree, and on the minimum TTL of 60, where lego has 300. Not documented, and made up here:
how quotes within a value come back (as in a zone file), and the body for an unknown zone (like that
for an unknown record).
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, Record, deletes, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, [{"code": code, "message": message}])


class FakeIonos(FakeApi):
    sources = "recorded exchanges (2024), lego (2026), acme.sh (2026)"
    recorded = "agree"
    min_ttl = 60
    refusals = {
        "credentials": _error(
            401, "UNAUTHORIZED", "The customer is not authorized to do this operation."
        ),
        "zone": _error(404, "ZONE_NOT_FOUND", "Zone does not exist."),
        "record": _error(404, "RECORD_NOT_FOUND", "Record does not exist."),
        "invalid": _error(400, "INVALID_RECORD", "Record is invalid."),
    }
    impossible = {
        "permission": "every key may do everything with the contract's zones",
        "quota": "no number of records is documented beyond which there is a refusal",
    }

    def key_of(self, call: Call) -> str:
        return call.headers.get("x-api-key", "").partition(".")[2]

    @route("GET", "/dns/v1/zones")
    def list_zones(self, call: Call) -> Reply:
        zones = self.allowed_zones()
        return Reply(200, [{"name": z.name, "id": z.id, "type": "NATIVE"} for z in zones])

    @route("GET", "/dns/v1/zones/{id}")
    def get_zone(self, call: Call) -> Reply:
        zone = self.zone(call["id"], by_id=True)
        name, kind = call.query.get("recordName"), call.query.get("recordType")
        records = [self._render(zone.name, one) for one in zone.records]
        found = [
            one for one in records if name in (None, one["name"]) and kind in (None, one["type"])
        ]
        return Reply(200, {"id": zone.id, "name": zone.name, "type": "NATIVE", "records": found})

    @route("POST", "/dns/v1/zones/{id}/records")
    def create_records(self, call: Call) -> Reply:
        zone, made = self.zone(call["id"], by_id=True), []
        for new in call.json:
            name = new["name"].removesuffix(zone.name).rstrip(".")
            made.append(self.create(zone, name, new["type"], new["content"], new["ttl"]))
        return Reply(201, [self._render(zone.name, one) for one in made])

    delete_record = deletes("/dns/v1/zones/{zone}/records/{id}", Reply(200), by_id=True)

    def _render(self, zone: str, record: Record) -> dict[str, object]:
        content = quote_txt(record.value) if record.type == "TXT" else record.value
        return {
            "name": f"{record.name}.{zone}".lstrip("."),
            "rootName": zone,
            "type": record.type,
            "content": content,
            "changeDate": "2024-11-28T13:45:55.649Z",
            "ttl": record.ttl,
            "disabled": False,
            "id": str(record.id),
        }
