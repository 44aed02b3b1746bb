"""netcup's API of the customer control panel: login, infoDnsZone, infoDnsRecords, updateDnsRecords.

Made from the exchanges that dns-lexicon recorded (April 2019: actions, members, ids and numbers as
text, 5031 for an unknown domain) and lego's bodies for tests (2026: the login's parameters, which
the recorded exchanges leave out, and 4013). dnscontrol (August 2026) has the texts that are not
accepted, and that a zone without records is 5029, which Posh-ACME (2026) has for an unknown one:
infoDnsZone tells them apart. 4001 and 5028, and the message for too many requests, are from issues
of clients (2021 to 2026). The code of a wrong key and that of a record that is gone are not known.
That this API's keys have 50 characters, and those of the newer API 64, is from acme.sh (2026).
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply

_FAST = (
    "More than 180 requests per minute. Please wait and retry later. Please contact our customer"
    " service to find out if the limitation of requests can be increased."
)


def _answer(status: str, code: int, text: str, data: object = "") -> Reply:
    head = {"serverrequestid": "YxTr4EzdbJ101T211zR4yzUEMVE", "clientrequestid": "", "action": ""}
    told = {"status": status, "statuscode": code, "shortmessage": "Short.", "longmessage": text}
    return Reply(200, {**head, **told, "responsedata": data})


class FakeNetcup(FakeApi):
    sources = "recorded exchanges (2019), clients (2026)"
    recorded = "agree; they leave out the parameters of calls"
    lists_zones = False
    refusals = {
        "credentials": _answer("error", 4013, "Validation of the credentials failed."),
        "session": _answer("error", 4001, "The session id is not in a valid format."),
        "zone": _answer("error", 5031, "Can not get DNS records for zone. Domain not found."),
        "empty": _answer("error", 5029, "Can not get DNS records for zone."),
        "record": _answer("error", 4013, "Validation of the record failed."),
        "quota": _answer("error", 4013, _FAST),
        "invalid": _answer("error", 4013, "Value in field hostname is not valid."),
    }
    impossible = {"permission": "a key may change all domains of its customer"}

    def enter(self, call: Call) -> None:
        if call.json["action"] != "login":
            given = call.json["param"]
            if given["customernumber"] != "12345" or given["apisessionid"] not in self._issued:
                raise RefusedError("session")
            self._key = self.keys[self._issued[given["apisessionid"]]]

    @route("POST", "/run/webservice/servers/endpoint.php")
    def call(self, call: Call) -> Reply:
        action, given = call.json["action"], call.json["param"]
        if "JSON" not in call.query or given["customernumber"] != "12345":
            raise RefusedError("credentials")
        if action == "login":
            session = self.issue(f"{given['apikey']} {given['apipassword']}")
            return _answer("success", 2000, "Session created.", {"apisessionid": session})
        zone = self.zone(given["domainname"])
        if action == "infoDnsZone":
            return _answer("success", 2000, "DNS zone was found.", {"name": zone.name})
        if action == "updateDnsRecords":
            for one in given["dnsrecordset"]["dnsrecords"]:
                if any(char in one["destination"] for char in "\\'\""):
                    raise RefusedError("invalid")
                if one["deleterecord"]:
                    self.delete(zone, one["id"])
                else:
                    name = one["hostname"].replace("@", "")
                    self.create(zone, name, one["type"], one["destination"], 300)
        if not zone.records and action == "infoDnsRecords":
            self._reads -= 1  # so far nothing was read
            raise RefusedError("empty")
        return _answer("success", 2000, "Found.", {"dnsrecords": self._render(zone)})

    def _render(self, zone: FakeZone) -> list[dict[str, Any]]:
        return [
            {
                "id": str(one.id),
                "hostname": one.name or "@",
                "type": one.type,
                "priority": "0",
                "destination": one.value,
                "deleterecord": False,
                "state": "unknown",
            }
            for one in zone.records
        ]
