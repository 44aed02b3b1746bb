"""netcup's newer API, version 1: a domain by its name, and its challenges for ACME.

Made from three clients (August and September 2026): that of aellwein (netcup-dns-api, pkg/rest/v1),
whose tests with the service itself have that adding twice and listing succeed, that removing twice
is ``resourceDoesNotExist``, and what is said to a wrong key; acme.sh (pull request 7214); and
egs2003's libdns module, first for challenges as in acme.sh, then by netcup's OpenAPI file for
other paths of the same API. They agree about paths, Bearer, the envelope, ``isDnsManaged``, the
scope ``@`` for the domain itself, 204 to a removal, and keys of 64 characters. aellwein's tests
have the statuses (400 for a wrong key, 404, 201 and 200 to a value that is new or there), that
values are 43 characters of base64url, and that labels of domains may not begin with ``_``; that
several values stand at a name follows from their paths. Words for a value that is refused, and what
is said to a removal of it, are not known, nor limits of requests, keys that may do less, and
whether domains are listed without ``fqdn``.
"""

from __future__ import annotations

import re
from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply

_CHALLENGE = "_acme-challenge"


def _answer(status: int, result: object, errors: list[dict[str, str]] | None = None) -> Reply:
    told = {"success": not errors, "errors": errors or [], "messages": [], "meta": None}
    return Reply(status, {**told, "result": result})


def _error(status: int, code: str, message: str) -> Reply:
    return _answer(status, None, [{"code": code, "message": message}])


class FakeNetcupCloudDns(FakeApi):
    sources = "three clients (2026), one of them tested with the service"
    lists_zones = False
    first_id = 1047093
    refusals = {
        "credentials": _error(
            400, "authenticationError", "Authentication token is not valid or has expired."
        ),
        "zone": _error(
            404,
            "resourceDoesNotExist",
            "No results found, the page number may be too high.",
        ),
        "domain": _error(400, "validationError", "Domain name is not a valid domain name."),
        "record": _error(404, "resourceDoesNotExist", "No result was found."),
        "invalid": _error(400, "validationError", "The challenge is not valid."),
    }
    impossible = {
        "permission": "no source knows of keys that may do less",
        "quota": "no source knows of a limit",
    }

    def __init__(self) -> None:
        super().__init__()
        self.elsewhere: set[str] = set()  # domains whose DNS this API does not manage

    @route("GET", "/v1/domain")
    def domain(self, call: Call) -> Reply:
        name = call.query["fqdn"]
        if any(label.startswith("_") for label in name.split(".")):
            raise RefusedError("domain")
        zone = self.zone(name)
        managed = zone.name not in self.elsewhere
        return _answer(200, [{"id": int(zone.id), "fqdn": zone.name, "isDnsManaged": managed}])

    @route("POST", "/v1/domain/{id}/acme/challenge")
    def add(self, call: Call) -> Reply:
        zone, value = self.zone(call["id"], by_id=True), call.json["value"]
        name = self._name(call.json["scope"], value)
        for record in zone.at(name):
            if record.value == value:
                return _answer(200, [_render(zone, record, "deployed")])
        made = self.create(zone, name, "TXT", value, 300)
        return _answer(201, [_render(zone, made, "pending")])

    @route("DELETE", "/v1/domain/{id}/acme/challenge/{scope}/{value}")
    def remove(self, call: Call) -> Reply:
        zone = self.zone(call["id"], by_id=True)
        name = self._name(call["scope"], call["value"])
        for record in zone.at(name):
            if record.value == call["value"]:
                self.delete(zone, str(record.id))
                return Reply(204)
        raise RefusedError("record")

    def _name(self, scope: str, value: str) -> str:
        """Return the name of a challenge. Raises RefusedError for one that there cannot be."""
        if not scope or not re.fullmatch("[A-Za-z0-9_-]{43}", value):
            raise RefusedError("invalid")
        return _CHALLENGE if scope == "@" else f"{_CHALLENGE}.{scope}"


def _render(zone: FakeZone, record: Record, status: str) -> dict[str, Any]:
    scope = record.name.partition(".")[2] or "@"
    fqdn = f"{record.name}.{zone.name}"
    return {"scope": scope, "fqdn": fqdn, "value": record.value, "status": status}
