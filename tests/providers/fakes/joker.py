"""Joker.com's DMAPI: login, dns-zone-list, dns-zone-get, dns-zone-put.

Made from the API reference (joker.com/faq, "DMAPI" and "Modify Zonedata", stored copies of 2025:
heads, codes of success, sessions, the format of lines, the least TTL), the exchanges that
dns-lexicon recorded (November 2020: the space before the closing quote of TXT, $dnssec and $dyndns)
and lego's tests (2026: 2200, 2202). Commands, parameters and parsing agree. dnscontrol (2026) has
the texts that do not survive, and dates in the list of zones. That the codes are those of EPP (RFC
5730 section 3) is concluded from 2200 and 2202.
"""

from __future__ import annotations

import re

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply

_LINE = re.compile(r'(\S+) (\S+) (\S+) (?:"(.*?)"|(\S+)) (\d+)')
_FIRST = "$dnssec=no\n$dyndns=no::\n"


def _answer(code: int, text: str, body: str = "", **head: str) -> Reply:
    lines = [f"Status-Code: {code}", f"Status-Text: {text}", "Version: 1.2.53"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in head.items()]
    return Reply(200, ("\n".join(lines) + f"\n\n{body}").encode())


class FakeJoker(FakeApi):
    sources = "API reference (2025), recorded exchanges (2020), clients (2026)"
    recorded = "agree"
    min_ttl = 60
    logins = "/request/login"
    refusals = {
        "credentials": Reply(200, b"Status-Code: 2200\nStatus-Text: Authentication error\n\n"),
        "permission": Reply(200, b"Status-Code: 2201\nStatus-Text: Authorization error\n\n"),
        "zone": Reply(200, b"Status-Code: 2303\nStatus-Text: Object does not exist\n\n"),
        "invalid": Reply(200, b"Status-Code: 2005\nStatus-Text: Syntax error\n\n"),
    }
    impossible = {"quota": "no limit of records is documented"}

    def key_of(self, call: Call) -> str:
        return self._issued.get(call.form.get("auth-sid", ""), "")

    @route("POST", "/request/login")
    def login(self, call: Call) -> Reply:
        form = call.form
        key = form.get("api-key") or f"{form['username']} {form['password']}"
        return _answer(0, "OK", "com\nnet\n", Auth_Sid=self.issue(key), Session_Timeout="3600")

    @route("POST", "/request/dns-zone-list")
    def list_zones(self, call: Call) -> Reply:
        lines = "".join(f"{zone.name} 2027-12-31\n" for zone in self.allowed_zones())
        return _answer(0, "Command completed successfully", lines)

    @route("POST", "/request/dns-zone-get")
    def get_zone(self, call: Call) -> Reply:
        lines = "".join(map(_render, self.zone(call.form["domain"]).records))
        return _answer(0, "Command completed successfully", _FIRST + lines)

    @route("POST", "/request/dns-zone-put")
    def put_zone(self, call: Call) -> Reply:
        zone, text = self.zone(call.form["domain"]), call.form["zone"]
        if not text.startswith(_FIRST.strip()):
            raise RefusedError("invalid")
        self._put(zone, text.removeprefix(_FIRST.strip()).strip())
        return _answer(0, "Command completed successfully", Proc_ID="603776562")

    def _put(self, zone: FakeZone, text: str) -> None:
        records = []
        for line in text.splitlines():
            found = _LINE.fullmatch(line)
            if found is None or (found[4] or "").endswith(" "):
                raise RefusedError("invalid")
            name, value = found[1].replace("@", ""), found[4] or found[5]
            records.append(Record(0, name, found[2], value, int(found[6])))
        self.replace_all(zone, records)


def _render(one: Record) -> str:
    target = f' "{one.value} "' if one.type == "TXT" else one.value
    return f"{one.name or '@'} {one.type} 0 {target} {one.ttl}\n"
