"""The WAPI of an Infoblox NIOS grid manager, as far as it is about zones and TXT records.

Made from the exchanges that dns-lexicon recorded (WAPI 2.6.1, November 2018), with which paths,
parameters, references and bodies agree, but that pages are asked for here; from Infoblox's own
client (github.com/infobloxopen/infoblox-client, December 2024) for pages, and infoblox-go-client
for zones that are disabled; from its Ansible and Terraform modules (2024) for limits of values and
for strings that stand in quotes only where they have spaces; error bodies from issues there (2018
to 2026). A missing zone's record goes into the zone above. That permissions are named in the words
of the refusal is an assumption; the page that comes with 401 is only its title here.
"""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import unquote

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.contract import split_txt
from zoneproof.providers.txt_text import unquote_txt


def _error(kind: str, text: str, status: int = 400) -> Reply:
    body = {"Error": f"AdmConDataError: None ({text})", "code": f"Client.Ibap.{kind}", "text": text}
    return Reply(status, body)


class FakeInfoblox(FakeApi):
    sources = "recorded exchanges (2018), Infoblox's own clients (2024), issues (2018 to 2026)"
    recorded = "agree, but without pages"
    page_size = 1000
    refusals = {
        "credentials": Reply(401, b"401 Authorization Required"),
        "permission": _error("Data", "Write permission for the zone does not exist"),
        "zone": _error("Data.Conflict", "The action is not allowed. A parent was not found."),
        "record": _error("Data.NotFound", "Reference record:txt/x not found", 404),
        "exists": _error("Data.Conflict", "The record 'a.zone.example' already exists."),
        "invalid": _error("Data.Conflict", "RR name does not comply with policy"),
    }
    impossible = {
        "quota": "there is none",
        "zone": "it is asked whether the zone exists, and the answer is an empty list",
    }

    @route("GET", "/wapi/v2.7/zone_auth")
    def list_zones(self, call: Call) -> Reply:
        wanted = call.query.get("fqdn")
        zones = [one for one in self.allowed_zones() if wanted in (None, one.name)]
        facts = [
            {"_ref": _ref(one, ""), "fqdn": one.name, "disable": one.name.startswith("off.")}
            for one in zones
        ]
        asked = call.query["_return_fields"].split(",")
        return self._list(call, [{key: one[key] for key in ("_ref", *asked)} for one in facts])

    @route("GET", "/wapi/v2.7/record:txt")
    def list_records(self, call: Call) -> Reply:
        zone, _ = self.place(call.query["name"])
        found = [one for one in zone.records if one.type == "TXT"]
        found = [one for one in found if _whole(zone, one) == call.query["name"]]
        return self._list(call, [_render(zone, one) for one in found])

    @route("POST", "/wapi/v2.7/record:txt")
    def create_record(self, call: Call) -> Reply:
        new, (zone, name) = call.json, self.place(call.json["name"])
        value = unquote_txt(new["text"])
        if not new["use_ttl"] or new["view"] != "default":
            raise RefusedError("invalid")
        record = self.create(zone, name, "TXT", value, new["ttl"])
        return Reply(201, _render(zone, record)["_ref"])

    @route("DELETE", "/wapi/v2.7/record:txt/{key}/default")
    def delete_record(self, call: Call) -> Reply:
        key = base64.b64decode(unquote(call["key"]).partition(":")[0]).decode()
        for zone in self.allowed_zones():
            if any(str(one.id) == key for one in zone.records):
                self.delete(zone, key)
                return Reply(200, f"record:txt/{call['key']}/default")
        raise RefusedError("record")

    def _list(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        number = int(call.query.get("_page_id", 1))
        page, last = self.page(items, number, int(call.query["_max_results"]))
        more = {"next_page_id": str(number + 1)} if number < last else {}
        return Reply(200, {"result": page, **more})


def _whole(zone: FakeZone, record: Record) -> str:
    return f"{record.name}.{zone.name}".lstrip(".")


def _ref(zone: FakeZone, key: str) -> str:
    return f"{base64.b64encode(key.encode()).decode()}:{zone.name}/default"


def _render(zone: FakeZone, record: Record) -> dict[str, Any]:
    strings = [part.decode() for part in split_txt(record.value)]
    text = " ".join(f'"{one}"' if set(one) & set(" ;") or not one else one for one in strings)
    name = _whole(zone, record)
    ref = f"record:txt/{_ref(zone, str(record.id)).partition(':')[0]}:{name}/default"
    return {"_ref": ref, "name": name, "text": text, "ttl": record.ttl}
