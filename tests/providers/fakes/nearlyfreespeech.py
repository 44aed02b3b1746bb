"""NearlyFreeSpeech.NET's API for the records of a domain.

Made from the exchanges that dns-lexicon recorded (October 2018): paths, forms, filters, names
relative to the domain, values as they are, empty answers, records removed by name and value, a
domain that is not the account's. They agree. A client (nfsn-cli, August 2026), which its author
tried with the service, has 404 for a record that is not there, and the clock; lego (2026) has the
refusal of credentials, and signatures that were computed by others; libdns (2025) has the least
TTL. The words for a record that is not there, or not valid, are not recorded.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.nearlyfreespeech import authentication


def _error(status: int, words: str, debug: str = "") -> Reply:
    return Reply(status, {"error": words, "debug": debug})


class FakeNearlyFreeSpeech(FakeApi):
    sources = "recorded exchanges (2018), a client that was tried with the service, lego (2026)"
    recorded = "agree"
    min_ttl = 180
    lists_zones = False
    refusals = {
        "credentials": _error(
            401,
            "The API request could not be authenticated.",
            "The X-NFSN-Authentication header is not present.",
        ),
        "zone": _error(
            404,
            "The API request was not valid.",
            "The requested object instance does not exist or cannot be accessed.",
        ),
        "record": _error(404, "The API request was not valid.", "There is no such record."),
        "invalid": _error(
            400, "The API request was not valid.", "The name of the record is not a valid one."
        ),
    }
    impossible = {
        "permission": "a member's key may do everything with the member's domains",
        "quota": "no limit of records is described",
    }

    def key_of(self, call: Call) -> str:
        """Return the login and the key that the request was signed with."""
        given = call.headers.get("x-nfsn-authentication", "")
        request = ApiRequest("POST", call.path, {}, call.request.body)
        for known in self.keys:
            login, _, key = known.partition(" ")
            parts = given.split(";")
            if len(parts) == 4 and given == authentication(
                request, login, key, int(parts[1]), parts[2]
            ):
                return known
        return ""

    @route("POST", "/dns/{domain}/listRRs")
    def list_records(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["domain"]), call.form
        shown = [_render(one) for one in zone.records]
        return Reply(200, [one for one in shown if wanted.items() <= one.items()])

    @route("POST", "/dns/{domain}/addRR")
    def add_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.form
        self.create(zone, new["name"], new["type"], new["data"], int(new["ttl"]))
        return Reply(200, b"")

    @route("POST", "/dns/{domain}/removeRR")
    def remove_record(self, call: Call) -> Reply:
        zone, old = self.zone(call["domain"]), call.form
        for record in zone.at(old["name"], old["type"]):
            if record.value == old["data"]:
                self.delete(zone, str(record.id))
                return Reply(200, b"")
        raise RefusedError("record")


def _render(record: Record) -> dict[str, Any]:
    facts = {"name": record.name, "type": record.type, "data": record.value}
    return {**facts, "ttl": record.ttl, "scope": "member"}
