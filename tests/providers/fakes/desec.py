"""deSEC's API v1 for domains and their RRsets.

Made from deSEC's own documentation and server (github.com/desec-io/desec-stack, August 2026:
docs/dns/rrsets.rst, docs/dns/domains.rst, docs/rate-limits.rst, api/desecapi/pagination.py and
exception_handlers.py): paths, filters, cursors in the Link header, 400 for a list above 500 items
without a cursor, bulk PUT, canonical TXT, 409 for changes that came at the same time. Bodies from
the exchanges that dns-lexicon recorded (October 2025), with which paths, parameters and parsing
agree, but for its doubled slash after rrsets.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_LONG_AGO = "2025-10-15T23:22:18.998737Z"


class FakeDesec(FakeApi):
    sources = "documentation and source of the server (2026), recorded exchanges (2025)"
    recorded = "agree, but sets are put, several at once"
    page_size = 500
    min_ttl = 3600
    key_line = "Authorization: Token "
    refusals = {
        "credentials": Reply(401, {"detail": "Invalid token."}),
        "permission": Reply(
            403, {"detail": "Insufficient permissions to perform the requested operation."}
        ),
        "zone": Reply(404, {"detail": "No Domain matches the given query."}),
        "quota": Reply(
            429,
            {"detail": "Request was throttled. Expected available in 86 seconds."},
            {"Retry-After": "86"},
        ),
        "conflict": Reply(409, {"detail": "Conflict: duplicate key value"}),
        "invalid": Reply(400, [{}, {"subname": ["Subname can only use (lowercase) a-z, 0-9, ."]}]),
    }

    @route("GET", "/api/v1/domains/")
    def list_domains(self, call: Call) -> Reply:
        facts = {"created": _LONG_AGO, "published": _LONG_AGO, "minimum_ttl": self.min_ttl}
        return self._list(call, [{"name": zone.name, **facts} for zone in self.allowed_zones()])

    @route("GET", "/api/v1/domains/{domain}/rrsets/")
    def list_rrsets(self, call: Call) -> Reply:
        zone, wanted = self.zone(call["domain"]), call.query
        sets: dict[tuple[str, str], dict[str, Any]] = {}
        for one in zone.records:
            if wanted.get("type") in (None, one.type) and wanted.get("subname") in (None, one.name):
                new = {
                    "created": _LONG_AGO,
                    "domain": zone.name,
                    "subname": one.name,
                    "name": f"{one.name}.{zone.name}.".lstrip("."),
                    "records": [],
                    "ttl": one.ttl,
                    "type": one.type,
                    "touched": _LONG_AGO,
                }
                found = sets.setdefault((one.name, one.type), new)
                text = quote_txt(one.value) if one.type == "TXT" else one.value
                found["records"].insert(0, text)
        return self._list(call, list(sets.values()))

    @route("PUT", "/api/v1/domains/{domain}/rrsets/")
    def put_rrsets(self, call: Call) -> Reply:
        zone = self.zone(call["domain"])
        for one in call.json:
            self.check_change(one["subname"], one["ttl"])
            if not all(text.startswith('"') for text in one["records"]):
                raise RefusedError("invalid")
        for one in call.json:
            values = [unquote_txt(text) for text in one["records"]]
            self.replace(zone, one["subname"], one["type"], values, one["ttl"])
        return Reply(200, call.json)

    def _list(self, call: Call, items: list[dict[str, Any]]) -> Reply:
        first = int(call.query.get("cursor") or 0)
        if len(items) > self.page_size and "cursor" not in call.query:
            text = "Pagination required. You can query up to 500 items at a time."
            link = f'<{self.url_of(call, cursor="")}>; rel="first"'
            return Reply(400, {"detail": text}, {"Link": link})
        after = first + self.page_size
        links = [f'<{self.url_of(call, cursor="")}>; rel="first"']
        if after < len(items):
            links.append(f'<{self.url_of(call, cursor=after)}>; rel="next"')
        return Reply(200, items[first:after], {"Link": ", ".join(links)})
