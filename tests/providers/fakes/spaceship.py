"""Spaceship's API v1 for domains and their DNS records.

Made from the client for Go that its owner Namecheap publishes (2026): paths, headers, pages by
``take`` and ``skip``, records that are put as often as one likes, 422 for what conflicts, 404 at a
removal for what is gone. lego (2026) has bodies and errors, values as they are and relative names;
acme.sh (2026) agrees, but that it forces; an OpenWrt script (2025) has the TTLs that are taken. The
words of 401, 403 and 404 are not recorded.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply


class FakeSpaceship(FakeApi):
    sources = "the service's client for Go, lego and acme.sh (2026)"
    page_size = 100
    min_ttl = 60
    refusals = {
        "credentials": Reply(401, {"detail": "The API key or secret is not valid"}),
        "permission": Reply(403, {"detail": "The API key does not have the scope for this"}),
        "zone": Reply(404, {"detail": "The domain was not found"}),
        "record": Reply(404, {"detail": "A record was not found"}),
        "invalid": Reply(
            422,
            {
                "detail": "^$",
                "data": [{"field": "name", "details": "The name contains invalid characters"}],
            },
        ),
    }
    impossible = {"quota": "no limit of records is described"}

    def __init__(self) -> None:
        super().__init__()
        self.dns_only = False

    def key_of(self, call: Call) -> str:
        return f"{call.headers.get('x-api-key')} {call.headers.get('x-api-secret')}"

    @route("GET", "/api/v1/domains")
    def list_domains(self, call: Call) -> Reply:
        if self.dns_only:
            raise RefusedError("permission")
        return self._page(call, [{"name": zone.name} for zone in self.allowed_zones()])

    @route("GET", "/api/v1/dns/records/{domain}")
    def list_records(self, call: Call) -> Reply:
        return self._page(call, [_render(one) for one in self.zone(call["domain"]).records])

    @route("PUT", "/api/v1/dns/records/{domain}")
    def put_records(self, call: Call) -> Reply:
        zone, before = self.zone(call["domain"]), list(self.zone(call["domain"]).records)
        try:
            for new in call.json["items"]:
                if new["ttl"] > 3600:
                    raise RefusedError("invalid")
                if not self._find(zone, new):
                    name = new["name"].replace("@", "")
                    self.create(zone, name, new["type"], new["value"], new["ttl"])
        except RefusedError:
            zone.records[:] = before
            raise
        return Reply(204)

    @route("DELETE", "/api/v1/dns/records/{domain}")
    def delete_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        for gone in call.json:
            found = self._find(zone, gone)
            if not found:
                raise RefusedError("record")
            self.delete(zone, str(found.id))
        return Reply(204)

    def _find(self, zone: FakeZone, record: dict[str, Any]) -> Record | None:
        wanted = {key: record[key] for key in ("type", "name", "value")}.items()
        return next((one for one in zone.records if _render(one).items() >= wanted), None)

    def _page(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        first, most = int(call.query["skip"]), int(call.query["take"])
        if most > self.page_size:
            raise RefusedError("invalid")
        return Reply(200, {"items": items[first : first + most], "total": len(items)})


def _render(record: Record) -> dict[str, Any]:
    data = "value" if record.type == "TXT" else "address"
    facts = {"type": record.type, "name": record.name or "@", "ttl": record.ttl}
    return {**facts, data: record.value, "group": {"type": "custom"}}
