"""DreamHost's API: dns-list_records, dns-add_record, dns-remove_record.

Made from the API reference (help.dreamhost.com, stored copies of 2025 and older: commands,
parameters, error words, details after a tab, slow_down_bucko) and the exchanges that dns-lexicon
recorded (March 2018), with which queries and parsing agree. The word for a wrong key is in neither,
and is made up: whatever dns-list_records, which has no errors of its own, refuses, is the key.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply


def _error(words: str) -> Reply:
    return Reply(200, {"result": "error", "data": words})


class FakeDreamHost(FakeApi):
    sources = "API reference (2025), recorded exchanges (2018)"
    recorded = "agree"
    refusals = {
        "credentials": _error("wrong_key_of_the_fake"),
        "zone": _error("no_such_zone"),
        "record": _error("no_such_record"),
        "quota": _error("slow_down_bucko (too many commands in an hour)"),
        "invalid": _error("invalid_record\ttoo long"),
    }
    impossible = {"permission": "what a key without the function is told is not documented"}

    def key_of(self, call: Call) -> str:
        return call.query.get("key", "")

    @route("GET", "/")
    def command(self, call: Call) -> Reply:
        query = call.query
        if query["format"] != "json":
            raise RefusedError("invalid")
        if query["cmd"] == "dns-list_records":
            return _ok([one for zone in self.allowed_zones() for one in self._render(zone)])
        name, kind, value = query["record"], query["type"], query["value"]
        zone, relative = self.place(name)
        same = [one for one in zone.at(relative, kind) if one.value == value]
        if query["cmd"] == "dns-add_record":
            if same:
                return _error("record_already_exists_remove_first")
            self.create(zone, relative, kind, value, 14400)
            return _ok("record_added")
        if not same:
            raise RefusedError("record")
        self.delete(zone, str(same[0].id))
        return _ok("record_removed")

    def _render(self, zone: FakeZone) -> list[dict[str, Any]]:
        self._reads += 1
        facts = {"account_id": "1", "zone": zone.name}
        server = {**facts, "record": zone.name, "type": "NS", "value": "ns1.dreamhost.com."}
        return [
            {**server, "comment": "", "editable": "0"},
            *(
                {
                    **facts,
                    "record": f"{one.name}.{zone.name}".lstrip("."),
                    "type": one.type,
                    "value": one.value,
                    "comment": "",
                    "editable": "1",
                }
                for one in zone.records
            ),
        ]


def _ok(data: object) -> Reply:
    return Reply(200, {"result": "success", "data": data})
