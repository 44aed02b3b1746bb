"""Akamai's Edge DNS API v2 for zones and record sets, with EdgeGrid signatures.

Made from Akamai's own clients (AkamaiOPEN-edgegrid-golang, August 2025, and its tests, for paths,
bodies and statuses; AkamaiOPEN-edgegrid-python, May 2026, for the signature), and from
octodns-edgedns (July 2026), lego and Posh-ACME (2026), which agree: one set for a name and a type,
POST to make it, PUT to replace it, TXT in quotes, problem documents (RFC 7807). That a zone takes
one change at a time, and refuses others with 409 and ``concurrentZoneModification``, is as
dns-aid-core met it (July 2026: with a real zone, one of 12 changes at once was made); Akamai's own
client in Go writes one record after the other. Messages of refusals are those of EdgeGrid where it
refuses; of the zones' own only the statuses are known. A client's own credentials are those of
Akamai's client in Go (2026) and its tests.
"""

from __future__ import annotations

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.akamai import sign_edgegrid
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_SET = "/config-dns/v2/zones/{zone}/names/{name}/types/TXT"


def _problem(status: int, kind: str, title: str, detail: str) -> Reply:
    place = f"https://problems.luna.akamaiapis.net/{kind}"
    return Reply(status, {"type": place, "title": title, "status": status, "detail": detail})


class FakeAkamai(FakeApi):
    sources = "Akamai's own clients (2025 and 2026), octodns-edgedns (2026)"
    refusals = {
        "credentials": _problem(
            401, "-/pep-authn/deny", "Not authorized", "The signature does not match"
        ),
        "permission": _problem(
            403,
            "-/pep-authz/deny",
            "Forbidden",
            "The client does not have the grant needed for the request",
        ),
        "zone": _problem(
            404, "authoritative-dns/zone-not-found", "Not Found", "No such zone for this contract"
        ),
        "invalid": _problem(
            400, "authoritative-dns/invalid", "Bad Request", "The record set name is invalid"
        ),
        "record": _problem(
            404, "authoritative-dns/no-set", "Not Found", "No record set of this name and type"
        ),
        "busy": _problem(
            409,
            "authoritative-dns/concurrentZoneModification",
            "Concurrent Zone Modification",
            "Please try your request again",
        ),
        "exists": _problem(
            409, "authoritative-dns/exists", "Conflict", "The record set exists already"
        ),
    }

    impossible = {"quota": "what it answers then is not known"}

    def key_of(self, call: Call) -> str:
        text = call.headers.get("authorization", "")
        words = dict(
            one.split("=", 1) for one in text.removeprefix("EG1-HMAC-SHA256 ").split(";") if one
        )
        url = f"http://{call.headers['host']}{call.request.path}"
        request = ApiRequest(call.request.method, url, {}, call.request.body)
        for key in self.keys:
            keys = {**words, "client_secret": key}
            signed = sign_edgegrid(request, keys, words["timestamp"], words["nonce"])
            if signed.headers["Authorization"] == text:
                return key
        return ""

    @route("GET", "/identity-management/v3/api-clients/self/credentials")
    def credentials(self, call: Call) -> Reply:
        other = {"credentialId": 1, "clientToken": "akab-other", "status": "ACTIVE"}
        end = {"expiresOn": f"{self.expires:%Y-%m-%dT%H:%M:%S.000Z}"} if self.expires else {}
        own = {"credentialId": 2, "clientToken": "akab-client-token", "status": "ACTIVE", **end}
        return Reply(200, [{**other, "expiresOn": "2026-07-25T11:02:28.000Z"}, own])

    @route("GET", "/config-dns/v2/zones")
    def list_zones(self, call: Call) -> Reply:
        assert (call.query["showAll"], call.query["types"]) == ("true", "primary")
        zones = [{"zone": zone.name, "type": "primary"} for zone in self.allowed_zones()]
        return Reply(200, {"metadata": {"showAll": True}, "zones": zones})

    @route("GET", _SET)
    def get_set(self, call: Call) -> Reply:
        zone, name = self._place(call)
        return Reply(200, self._render(zone, name))

    @route("POST", _SET)
    def create_set(self, call: Call) -> Reply:
        zone, name = self._place(call)
        if zone.at(name):
            raise RefusedError("exists")
        return self._write(call, 201)

    @route("PUT", _SET)
    def replace_set(self, call: Call) -> Reply:
        zone, name = self._place(call)
        if not zone.at(name):
            raise RefusedError("record")
        return self._write(call, 200)

    @route("DELETE", _SET)
    def delete_set(self, call: Call) -> Reply:
        zone, name = self._place(call)
        if not zone.at(name):
            raise RefusedError("record")
        self.replace(zone, name, "TXT", [], 60)
        return Reply(204)

    def _write(self, call: Call, status: int) -> Reply:
        (zone, name), new = self._place(call), call.json
        assert (new["name"], new["type"]) == (call["name"], "TXT")
        values = [unquote_txt(text) for text in new["rdata"]]
        self.replace(zone, name, "TXT", values, new["ttl"])
        return Reply(status, self._render(zone, name))

    def _place(self, call: Call) -> tuple[FakeZone, str]:
        zone = self.zone(call["zone"])
        return zone, call["name"].removesuffix(zone.name).rstrip(".")

    def _render(self, zone: FakeZone, name: str) -> dict[str, object]:
        found = zone.at(name)
        if not found:
            raise RefusedError("record")
        rdata = [quote_txt(one.value) for one in found]
        whole = f"{name}.{zone.name}".lstrip(".")
        return {"name": whole, "type": "TXT", "ttl": found[0].ttl, "rdata": rdata}
