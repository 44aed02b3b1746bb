"""Simply.com's API 2 for products and their DNS records.

Made from lego's tests (2026, bodies after Simply.com's own description at
api.simply.com/2/doc.json): lists, answers, the words of errors, with status 400 for a wrong key;
and from Posh-ACME (2026) for products, whose id is to be taken as it is, and the TTL of 60.
acme.sh (2026) agrees on paths and parameters. There are no recorded exchanges.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, FakeZone, route
from tests.support.fake_http import Reply


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"error": message})


class FakeSimply(FakeApi):
    sources = "lego (2026), Posh-ACME (2026), acme.sh (2026)"
    min_ttl = 60
    refusals = {
        "credentials": _error(400, "Invalid account authorization"),
        "zone": _error(404, "Unknown or invalid product reference"),
        "record": _error(404, "Unknown DNS record"),
        "invalid": _error(400, "Invalid record name"),
    }
    impossible = {
        "permission": "a key may do everything with the account's products",
        "quota": "no limit of records is documented",
    }

    @route("GET", "/2/my/products/")
    def list_products(self, call: Call) -> Reply:
        products: list[dict[str, object]] = [{"object": "mail-1", "domain": None}]
        for zone in self.allowed_zones():
            domain = {"name": zone.name, "name_idn": zone.name, "managed": True}
            products.append({"object": zone.id, "domain": domain})
        return Reply(200, {"status": 200, "message": "success", "products": products})

    @route("GET", "/2/my/products/{product}/dns/records/")
    def list_records(self, call: Call) -> Reply:
        records = [
            {
                "record_id": one.id,
                "name": one.name or "@",
                "ttl": one.ttl,
                "data": one.value,
                "type": one.type,
                "priority": 0,
            }
            for one in self._product(call).records
        ]
        return Reply(200, {"status": 200, "message": "success", "records": records})

    @route("POST", "/2/my/products/{product}/dns/records/")
    def add_record(self, call: Call) -> Reply:
        zone, new = self._product(call), call.json
        name = "" if new["name"] == "@" else new["name"]
        made = self.create(zone, name, new["type"], new["data"], new["ttl"])
        return Reply(200, {"status": 200, "message": "success", "record": {"id": made.id}})

    @route("DELETE", "/2/my/products/{product}/dns/records/{record}/")
    def delete_record(self, call: Call) -> Reply:
        self.delete(self._product(call), call["record"])
        return Reply(200, {"status": 200, "message": "success"})

    def _product(self, call: Call) -> FakeZone:
        return self.zone(call["product"], by_id=True)
