"""Version 2 of the HTTP API of Simple DNS Plus.

Made from two independent clients that agree on paths, PATCH with a list and ``Remove``, and Basic
authentication: Posh-ACME (2026), which also shows that values come back in quotes and are sent
without, and Certify The Web (a copy before 2024). The manufacturer's help (read in 2026) has the
statuses 404 and 406; what stands in refusals besides is made up.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"Message": message})


class FakeSimpleDnsPlus(FakeApi):
    sources = "two clients (2026, before 2024), the manufacturer's help (2026) for statuses"
    refusals = {
        "credentials": _error(401, "Unauthorized"),
        "zone": _error(404, "Zone not found"),
        "record": _error(406, "No such record"),
        "invalid": _error(406, "Invalid record name"),
    }
    impossible = {"permission": "the one login may do everything", "quota": "there is none"}

    @route("GET", "/v2/zones")
    def list_zones(self, call: Call) -> Reply:
        zones = [{"Name": zone.name, "Type": "Primary"} for zone in self.allowed_zones()]
        return Reply(200, [{"Name": "copy.example", "Type": "Secondary"}, *zones])

    @route("GET", "/v2/zones/{zone}/records")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["zone"])
        return Reply(
            200,
            [
                {
                    "Name": f"{one.name}.{zone.name}".lstrip("."),
                    "Type": one.type,
                    "TTL": one.ttl,
                    "Data": quote_txt(one.value) if one.type == "TXT" else one.value,
                }
                for one in zone.records
            ],
        )

    @route("PATCH", "/v2/zones/{zone}/records")
    def change(self, call: Call) -> Reply:
        zone = self.zone(call["zone"])
        for new in call.json:
            name = new["Name"].removesuffix(zone.name).rstrip(".")
            if not new.get("Remove"):
                self.create(zone, name, new["Type"], new["Data"], new["TTL"])
                continue
            found = [one for one in zone.at(name, new["Type"]) if one.value == new["Data"]]
            if not found:
                raise RefusedError("record")
            self.delete(zone, str(found[0].id))
        return Reply(200)
