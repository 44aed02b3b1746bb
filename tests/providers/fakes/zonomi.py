"""Zonomi's API, dyndns.jsp: the actions QUERY, SET and DELETE, one or several in a query.

Made from the API reference (zonomi.com/app/dns/dyndns.jsp, stored copies of 2025: parameters,
numbered actions, SET replaces and several SET of a name in one query set several values, DELETE of
what is not there is ignored), the exchanges that dns-lexicon recorded (November 2017: documents,
500 for an unknown zone) and lego's bodies for tests (2026). Queries and parsing agree. What a wrong
key is told is in none of them, nor what becomes of a value that is not accepted.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, route
from tests.support.fake_http import Reply

_HEAD = "<?xml version =\"1.0\"  ?><!DOCTYPE html [<!ENTITY nbsp '&#160;'>]>"


def _error(words: str) -> Reply:
    return Reply(500, f"{_HEAD}\n<error>ERROR: {words}</error>".encode())


class FakeZonomi(FakeApi):
    sources = "API reference (2025), recorded exchanges (2017), client (2026)"
    recorded = "agree"
    lists_zones = False
    refusals = {
        "credentials": _error("Wrong key"),
        "zone": _error("No zone found for the name"),
        "invalid": _error("Bad name"),
    }
    impossible = {
        "credentials": "what a wrong key is told is not documented",
        "permission": "a key for DNS may change all zones",
        "quota": "no limit of records is documented",
    }

    def key_of(self, call: Call) -> str:
        return call.query.get("api_key", "")

    @route("GET", "/app/dns/dyndns.jsp")
    def actions(self, call: Call) -> Reply:
        query, actions, i = call.query, [], 1
        if "action" in query:
            actions.append(query)
        while f"action[{i}]" in query:
            mine = {key: text for key, text in query.items() if key.endswith(f"[{i}]")}
            actions.append({key.partition("[")[0]: text for key, text in mine.items()})
            i += 1
        zone, name = self.place(actions[0]["name"])
        kind, what = actions[0]["type"], actions[0]["action"]
        old = [one.value for one in zone.at(name, kind)]
        if what == "SET":
            new = [one["value"] for one in actions]
            self.replace(zone, name, kind, new, int(actions[0].get("ttl", 3600)))
        elif what == "DELETE":
            gone = {one["value"] for one in actions}
            ttl = zone.at(name, kind)[0].ttl if old else 3600
            self.replace(zone, name, kind, [one for one in old if one not in gone], ttl)
        rows = "".join(_render(one, zone) for one in zone.at(name, kind))
        return Reply(200, _document(what, rows).encode(), {"Content-Type": "text/xml"})


def _render(one: Record, zone: FakeZone) -> str:
    name = f"{one.name}.{zone.name}".lstrip(".")
    return (
        f'<record \n name="{name}"\n type="{one.type}"\n content={quoteattr(one.value)}'
        f'\n ttl="{one.ttl} seconds"\n prio="0"/>'
    )


def _document(action: str, rows: str) -> str:
    return (
        f'{_HEAD}<dnsapi_result><is_ok>OK:</is_ok>\n<result_counts added="0" changed="0"'
        f' unchanged="0" deleted="0"/>\n<actions><action action="{action}">{rows}</action>'
        f"</actions></dnsapi_result>"
    )
