"""mijn.host's API v2 for domains and their records, of which all are replaced at once.

Made from the service's certbot plugin (2026), acme.sh and lego (2026), which agree: paths, the key,
bodies, whole names with a dot (lego writes relative ones), values as they are, the refusal of a
domain of others, and of a key; acme.sh has a refusal that comes now and then. An MCP server (2026)
has keys that allow some addresses only. A provider for Terraform (2026) has it that no domain can
be left without records, which is not so here. That the refusal of what is not valid has status 400
is assumed, and its words.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, route
from tests.support.fake_http import Reply


def _error(status: int, words: str) -> Reply:
    return Reply(status, {"status": status, "status_description": words})


class FakeMijnHost(FakeApi):
    sources = "the service's certbot plugin, acme.sh, lego, a provider for Terraform (2026)"
    key_line = "Api-Key: "
    refusals = {
        "credentials": _error(401, "No valid API key set"),
        "zone": _error(400, "You have no access to this resource."),
        "unmanaged": _error(400, "DNS records not managed by mijn.host"),
        "invalid": _error(400, "The records are not valid"),
    }
    impossible = {
        "permission": "a key may do everything with the account",
        "quota": "no limit of records is described",
    }

    @route("GET", "/api/v2/domains")
    def list_domains(self, call: Call) -> Reply:
        facts = {"renewal_date": "2030-01-01", "status": "Active", "status_id": 1, "tags": []}
        zones = enumerate(self.allowed_zones(), 1000)
        return _success(domains=[{"id": i, "domain": one.name, **facts} for i, one in zones])

    @route("GET", "/api/v2/domains/{domain}/dns")
    def list_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        return _success(domain=zone.name, records=[_render(one, zone) for one in zone.records])

    @route("PUT", "/api/v2/domains/{domain}/dns")
    def replace_records(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        new = [
            Record(0, _relative(one["name"], zone), one["type"], one["value"], one["ttl"])
            for one in call.json["records"]
        ]
        self.replace_all(zone, new)
        return Reply(200, {"status": 200, "status_description": "DNS successfully updated"})


def _relative(name: str, zone: FakeZone) -> str:
    return name.removesuffix(f"{zone.name}.").rstrip(".")


def _render(record: Record, zone: FakeZone) -> dict[str, Any]:
    name = f"{record.name}.{zone.name}.".lstrip(".")
    return {"type": record.type, "name": name, "value": record.value, "ttl": record.ttl}


def _success(**data: Any) -> Reply:
    return Reply(200, {"status": 200, "status_description": "Request successful", "data": data})
