"""NS1's API v1 for zones and records with answers.

Made from the exchanges that dns-lexicon recorded (March 2018), with which paths, parameters and
parsing agree: bodies, raw values, 404 for zones and for records. NS1's own client in Go names the
same words, and those for a record that there is already; dnscontrol and lego (2026) agree on raw
values, on PUT for new records and POST for those that there are. Pages of 2,500 zones are described
in a copy of the API reference, that the next one stands in the Link header is how NS1's clients
read it. That zones are known by their ``name``, the same as ``zone`` without DNS views, is from
ns1-python's pull request 67 and its version 0.22 (2024), and external-dns' pull request 5750 by
NS1 (2025); in the recorded exchanges zones have no such name. Words for keys are not recorded.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"message": message})


class FakeNs1(FakeApi):
    sources = "recorded exchanges (2018), the service's own client, lego and dnscontrol (2026)"
    recorded = "agree"
    page_size = 2500
    key_line = "X-Nsone-Key: "
    refusals = {
        "credentials": _error(401, "Unauthorized"),
        "permission": _error(403, "Forbidden"),
        "zone": _error(404, "zone not found"),
        "record": _error(404, "record not found"),
        "exists": _error(400, "record already exists"),
        "invalid": _error(400, "Input validation failed"),
    }
    impossible = {"quota": "what a full account answers is nowhere described"}

    @route("GET", "/v1/zones")
    def list_zones(self, call: Call) -> Reply:
        number = int(call.query.get("page", 1))
        page, last = self.page(self.allowed_zones(), number)
        link = {"Link": f'<{self.url_of(call, page=number + 1)}>; rel="next"'}
        zones = [
            {"zone": zone.name, "id": f"5ab6{index}", "ttl": 3600}
            | ({"name": zone.id} if zone.id != zone.name else {})
            for index, zone in enumerate(page)
        ]
        return Reply(200, zones, link if number < last else {})

    @route("GET", "/v1/zones/{zone}/{domain}/{type}")
    def get_record(self, call: Call) -> Reply:
        return Reply(200, self._render(call))

    @route("PUT", "/v1/zones/{zone}/{domain}/{type}")
    def put_record(self, call: Call) -> Reply:
        if self._at(call):
            raise RefusedError("exists")
        return self._write(call)

    @route("POST", "/v1/zones/{zone}/{domain}/{type}")
    def post_record(self, call: Call) -> Reply:
        if not self._at(call):
            raise RefusedError("record")
        return self._write(call)

    @route("DELETE", "/v1/zones/{zone}/{domain}/{type}")
    def delete_record(self, call: Call) -> Reply:
        if not self._at(call):
            raise RefusedError("record")
        zone, name = self._place(call)
        self.replace(zone, name, call["type"], [], self.min_ttl)
        return Reply(200, {})

    def _place(self, call: Call) -> tuple[FakeZone, str]:
        zone = self.zone(call["zone"], by_id=True)
        return zone, call["domain"].removesuffix(zone.name).rstrip(".")

    def _at(self, call: Call) -> list[Any]:
        zone, name = self._place(call)
        return zone.at(name, call["type"])

    def _write(self, call: Call) -> Reply:
        new, (zone, name) = call.json, self._place(call)
        values = ["".join(one["answer"]) for one in new["answers"]]
        self.replace(zone, name, call["type"], values, new["ttl"])
        return Reply(200, self._render(call))

    def _render(self, call: Call) -> dict[str, Any]:
        records = self._at(call)
        if not records:
            raise RefusedError("record")
        facts = {"zone": self._place(call)[0].name, "domain": call["domain"], "type": call["type"]}
        answers = [{"answer": [one.value], "id": str(one.id)} for one in records]
        empty: dict[str, Any] = {"regions": {}, "meta": {}, "link": None, "filters": []}
        return {**facts, **empty, "ttl": records[0].ttl, "answers": answers, "tier": 1}
