"""Gandi's LiveDNS API v5 for domains and their sets of records.

Made from the exchanges that dns-lexicon recorded (October 2020): paths, bodies, the two kinds of
404, statuses, values quoted when they come back. Paths, parameters and parsing agree with them, but
that here values are sent with quotes, as Posh-ACME and dnscontrol do (2026), and that a new set is
put instead of posted, as lego and acme.sh do (2026). lego and Posh-ACME agree on the least TTL of
300 seconds and on the two kinds of keys. Words for a wrong key are those in dnscontrol's manual
(2026). That the next page of domains stands in the Link header, and a list of errors says what is
wrong with a field, is how dnscontrol's library reads them (go-gandi, 2023). What is told of a
token is as three clients read it (2024 to 2026).
"""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(code: int, kind: str, message: str, cause: str) -> Reply:
    return Reply(code, {"code": code, "message": message, "object": kind, "cause": cause})


class FakeGandi(FakeApi):
    sources = "recorded exchanges (2020), lego, Posh-ACME, acme.sh and dnscontrol (2026)"
    recorded = "agree, but values are sent in quotes and new sets are put"
    page_size = 100
    min_ttl = 300
    refusals = {
        "credentials": _error(
            401,
            "HTTPUnauthorized",
            "The server could not verify that you authorized to access the document you requested.",
            "Unauthorized",
        ),
        "permission": _error(
            403, "HTTPForbidden", "Access was denied to this resource.", "Forbidden"
        ),
        "zone": _error(404, "HTTPNotFound", "The resource could not be found.", "Not Found"),
        "record": _error(404, "dns-record", "Can't find the DNS record in the zone", "Not Found"),
        "invalid": Reply(
            400,
            {
                "status": "error",
                "errors": [
                    {"location": "body", "name": "rrset_name", "description": "is not a valid name"}
                ],
            },
        ),
    }
    impossible = {"quota": "no limit of records is described"}

    def key_of(self, call: Call) -> str:
        kind, _, key = call.headers.get("authorization", "").partition(" ")
        return key if kind in ("Bearer", "Apikey") else ""

    @route("GET", "/tokeninfo")
    def describe_token(self, call: Call) -> Reply:
        left = int((self.expires - datetime.now(UTC)).total_seconds()) if self.expires else None
        return Reply(200, {"pat_name": "dns", "scope": ["domain:tech"], "expires_in": left})

    @route("GET", "/v5/livedns/domains")
    def list_domains(self, call: Call) -> Reply:
        number, size = int(call.query.get("page", 1)), int(call.query.get("per_page", 100))
        page, last = self.page(self.allowed_zones(), number, size)
        link = {"Link": f'<{self.url_of(call, page=number + 1)}>; rel="next"'}
        zones = [{"fqdn": zone.name, "automatic_snapshots": True} for zone in page]
        return Reply(200, zones, link if number < last else {})

    @route("GET", "/v5/livedns/domains/{domain}/records/{name}/{type}")
    def get_set(self, call: Call) -> Reply:
        name = call["name"].replace("@", "")
        records = self.zone(call["domain"]).at(name, call["type"])
        if not records:
            raise RefusedError("record")
        values = [quote_txt(one.value) if one.type == "TXT" else one.value for one in records]
        facts = {"rrset_name": call["name"], "rrset_type": call["type"]}
        return Reply(200, {**facts, "rrset_ttl": records[0].ttl, "rrset_values": values})

    @route("PUT", "/v5/livedns/domains/{domain}/records/{name}/{type}")
    def put_set(self, call: Call) -> Reply:
        zone, new = self.zone(call["domain"]), call.json
        values = [unquote_txt(text) for text in new["rrset_values"]]
        self.replace(zone, call["name"].replace("@", ""), call["type"], values, new["rrset_ttl"])
        return Reply(201, {"message": "DNS Record Created"})

    @route("DELETE", "/v5/livedns/domains/{domain}/records/{name}/{type}")
    def delete_set(self, call: Call) -> Reply:
        zone, name = self.zone(call["domain"]), call["name"].replace("@", "")
        if not zone.at(name, call["type"]):
            raise RefusedError("record")
        self.replace(zone, name, call["type"], [], self.min_ttl)
        return Reply(204)
