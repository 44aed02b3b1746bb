"""The HTTP API of a Technitium DNS Server, as far as it is about zones and their records.

Made from its documentation and source (github.com/TechnitiumSoftware/DnsServer, May 2026:
APIDOCS.md, WebServiceZonesApi.cs, DnsWebService.cs): parameters, status 200 with ``status`` and
``errorMessage`` in every answer, the closest zone above where a zone is not there, errors for the
same record twice and for one that is gone. DnsTXTRecordData.cs of TechnitiumLibrary (2024) says
that values are ASCII, cut into strings of 255. lego (2026) agrees.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.contract import split_txt


def _error(message: str, status: str = "error") -> Reply:
    return Reply(200, {"server": "dns.example", "status": status, "errorMessage": message})


class FakeTechnitium(FakeApi):
    sources = "documentation and source of the server (2026)"
    refusals = {
        "credentials": _error("Invalid token or session expired.", "invalid-token"),
        "permission": _error("Access was denied."),
        "zone": _error("No such zone was found: unknown.example"),
        "record": _error("Cannot delete record: no such record exists."),
        "exists": _error("Cannot add record: record already exists."),
        "invalid": _error("Cannot add record: TTL cannot be greater than SOA EXPIRE."),
    }
    impossible = {"quota": "there is none"}

    def key_of(self, call: Call) -> str:
        return call.form.get("token", "")

    @route("POST", "/api/zones/list")
    def list_zones(self, call: Call) -> Reply:
        zones = [_facts(zone) for zone in self.allowed_zones()]
        internal = {"name": "0.in-addr.arpa", "type": "Primary", "internal": True}
        copy = {"name": "copy.example", "type": "Secondary", "internal": False}
        off = {"name": "off.example", "type": "Primary", "internal": False, "disabled": True}
        return _ok({"zones": [internal, copy, off, *zones]})

    @route("POST", "/api/zones/records/get")
    def get_records(self, call: Call) -> Reply:
        zone, name = self._place(call)
        records = [_render(zone, one) for one in zone.records if one.name == name]
        return _ok({"zone": _facts(zone), "records": records})

    @route("POST", "/api/zones/records/add")
    def add_record(self, call: Call) -> Reply:
        (zone, name), form = self._place(call), call.form
        if not form["text"].isascii():
            raise RefusedError("invalid")
        record = self.create(zone, name, form["type"], form["text"], int(form["ttl"]))
        return _ok({"zone": _facts(zone), "addedRecord": _render(zone, record)})

    @route("POST", "/api/zones/records/delete")
    def delete_record(self, call: Call) -> Reply:
        (zone, name), form = self._place(call), call.form
        for one in zone.at(name, form["type"]):
            cut = [s.replace("\\", "\\\\") for s in one.extra.get("strings", [])]
            if form["text"] == ("\n".join(cut) or one.value) and bool(cut) == ("splitText" in form):
                self.delete(zone, str(one.id))
                return _ok({})
        raise RefusedError("record")

    def _place(self, call: Call) -> tuple[FakeZone, str]:
        wanted = call.form["zone"]
        while "." in wanted and wanted not in {zone.name for zone in self.allowed_zones()}:
            wanted = wanted.partition(".")[2]
        return self.zone(wanted), call.form["domain"].removesuffix(wanted).rstrip(".")


def _ok(response: dict[str, Any]) -> Reply:
    return Reply(200, {"server": "dns.example", "response": response, "status": "ok"})


def _facts(zone: FakeZone) -> dict[str, Any]:
    return {"name": zone.name, "type": "Primary", "internal": False, "disabled": False}


def _render(zone: FakeZone, record: Record) -> dict[str, Any]:
    strings = record.extra.get("strings") or [one.decode() for one in split_txt(record.value)]
    data = {"text": record.value, "splitText": len(strings) > 1, "characterStrings": strings}
    return {
        "disabled": False,
        "name": f"{record.name}.{zone.name}".lstrip("."),
        "type": record.type,
        "ttl": record.ttl,
        "rData": data if record.type == "TXT" else {"ipAddress": record.value},
    }
