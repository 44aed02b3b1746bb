"""Infomaniak's API v2 for the records of a zone.

Made from the service's own certbot plugin (2026) for paths, the dot that is the zone's own name and
the code of a wrong token; from Ansible's community.dns (2026), whose makers tried it, for filters,
pages, 201, 404 and values in quotes; lego (2026) has error bodies, dnscontrol (2026) that values
come back in quotes. The plugin, lego and dnscontrol send them bare, Ansible with quotes. The
exchanges that dns-lexicon recorded (January 2021) are of version 1, which had other paths and ids
as texts; names relative to the zone, ``source`` and ``target`` are as they were. A token without
the scope is answered as in issue 650 of aeroftp (2026), and issue 32 of the service's own webhook.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, deletes, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(status: int, code: str, description: str, **more: object) -> Reply:
    error = {"description": description, "code": code, **more}
    return Reply(status, {"result": "error", "error": error})


class FakeInfomaniak(FakeApi):
    sources = "the service's certbot plugin, community.dns, lego and dnscontrol (2026)"
    recorded = "of version 1 (2021); source and target agree"
    page_size = 100
    lists_zones = False
    refusals = {
        "credentials": _error(401, "not_authorized", "Authorization required"),
        "permission": _error(
            403,
            "all_scopes",
            'This method require this specific scope:"dns:write"',
            context={"scopes": ["dns:write"]},
        ),
        "zone": _error(404, "object_not_found", "Object not found"),
        "record": _error(404, "object_not_found", "Object not found"),
        "invalid": _error(
            422,
            "validation_failed",
            "Validation failed",
            errors=[{"code": "attribute_invalid", "description": "The source is not valid"}],
        ),
    }
    impossible = {"quota": "no limit of records is described"}

    @route("GET", "/2/zones/{zone}/records")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["zone"]), call.query
        records = [
            one
            for one in zone.records
            if wanted.get("filter[types][]", one.type) == one.type
            and wanted.get("filter[source]", one.name or ".") == (one.name or ".")
        ]
        number, size = int(wanted.get("page", 1)), int(wanted.get("per_page", 15))
        page, last = self.page(records, number, size)
        facts = {"total": len(records), "page": number, "pages": last, "items_per_page": size}
        return Reply(200, {"result": "success", "data": [*map(_render, page)], **facts})

    @route("POST", "/2/zones/{zone}/records")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"]), call.json
        name = new["source"].removesuffix(".")
        record = self.create(zone, name, new["type"], unquote_txt(new["target"]), new["ttl"])
        return Reply(201, {"result": "success", "data": _render(record)})

    delete_record = deletes(
        "/2/zones/{zone}/records/{id}", Reply(200, {"result": "success", "data": True})
    )


def _render(record: Record) -> dict[str, Any]:
    target = quote_txt(record.value) if record.type == "TXT" else record.value
    facts = {"id": record.id, "source": record.name or ".", "type": record.type}
    return {**facts, "ttl": record.ttl, "target": target, "updated_at": 1779826643}
