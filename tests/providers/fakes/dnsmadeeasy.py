"""DNS Made Easy's API V2.0 for managed domains and their records.

Made from the exchanges with the sandbox that dns-lexicon recorded (March 2018), with which paths,
parameters and parsing agree: values that come back in quotes, the same one twice, all records
without a filter. How it takes an empty name in the filter is not recorded: here as the zone's own.
From clients: the signature (lego, 2026, and the documentation's example), 403 for wrong keys (the
Ruby and Go clients), "Rate limit exceeded" with status 400 (lexicon issue 437, 2019, and
dnscontrol, 2026), that pages are numbered from 0 (Infisical, 2025). The words for wrong keys and
unknown domains are made up.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, deletes, route
from tests.support.fake_http import Reply
from zoneproof.providers.signatures import hmac_sha1
from zoneproof.providers.txt_text import quote_txt


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"error": [message]})


class FakeDnsMadeEasy(FakeApi):
    sources = "recorded exchanges (2018), lego (2026), dnscontrol (2026)"
    recorded = "agree"
    first_id = 878951
    refusals = {
        "credentials": _error(403, "API key or its signature is not valid"),
        "zone": _error(404, "Cannot find domain"),
        "record": _error(404, "Cannot find record"),
        "quota": _error(400, "Rate limit exceeded"),
        "invalid": _error(400, "Record name is not valid"),
        "exists": _error(400, "Record with this type (TXT), name and value already exists."),
    }
    impossible = {"permission": "403 is for wrong keys; no other refusal is documented"}

    def key_of(self, call: Call) -> str:
        date = call.headers.get("x-dnsme-requestdate", "")
        found = call.headers.get("x-dnsme-hmac")
        return next((one for one in self.keys if hmac_sha1(one, date).hex() == found), "")

    @route("GET", "/V2.0/dns/managed")
    def list_domains(self, call: Call) -> Reply:
        return self._page(call, [{"id": int(z.id), "name": z.name} for z in self.allowed_zones()])

    @route("GET", "/V2.0/dns/managed/{id}/records")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["id"], by_id=True)
        name, kind = call.query.get("recordName"), call.query.get("type")
        found = [
            {
                "ttl": one.ttl,
                "sourceId": int(zone.id),
                "gtdLocation": "DEFAULT",
                "name": one.name,
                "value": quote_txt(one.value) if one.type == "TXT" else one.value,
                "id": one.id,
                "type": one.type,
            }
            for one in zone.records
            if name in (None, one.name) and kind in (None, one.type)
        ]
        return self._page(call, found)

    @route("POST", "/V2.0/dns/managed/{id}/records/")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["id"], by_id=True), call.json
        value = new["value"]
        made = self.create(zone, new["name"], new["type"], value, new["ttl"])
        return Reply(201, {**new, "value": quote_txt(value), "id": made.id})

    delete_record = deletes("/V2.0/dns/managed/{zone}/records/{id}", Reply(200), by_id=True)

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        number = int(call.query.get("page", 0))
        page, last = self.page(items, number + 1)
        found = {"totalPages": last, "totalRecords": len(items), "data": page, "page": number}
        return Reply(200, found)
