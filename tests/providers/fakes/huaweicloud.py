"""Huawei Cloud's DNS API v2 for public zones and record sets, and an instance's metadata.

Made from Huawei Cloud's API reference and its SDK (huaweicloud-sdk-python-v3, August 2026: paths,
fields, pages, the AK/SK signature, the metadata's keys); lego, acme.sh and dnscontrol (2026)
agree. Codes of refusals are those of the reference's table; nothing was recorded. The status and
words of a set that there is, or of a CNAME in its place, are as issues of clients have them
(ddns-go 727, cf2dns 26, terraform-provider-huaweicloud 3403). A set that was just changed may be
pending for a moment, for which lego waits, and is not changed again then (DNS.0314).
"""

from __future__ import annotations

from datetime import UTC, datetime

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.huaweicloud import sign_sdk
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"code": code, "message": message})


class FakeHuaweiCloud(FakeApi):
    sources = "API reference and SDK (2026)"
    page_size = 500
    logins = "/openstack/.*|/meta-data/.*"
    refusals = {
        "credentials": Reply(
            401,
            {
                "error_msg": "Incorrect IAM authentication information: verify aksk signature fail",
                "error_code": "APIGW.0301",
                "request_id": "b3ee2a4d",
            },
        ),
        "permission": _error(403, "DNS.0030", "Policy doesn't allow this to be performed."),
        "zone": _error(404, "DNS.0302", "This zone does not exist."),
        "record": _error(404, "DNS.0313", "This record set does not exist."),
        "quota": _error(403, "DNS.0403", "Insufficient record set quota."),
        "invalid": _error(400, "DNS.0304", "The record set name is invalid."),
        "exists": _error(400, "DNS.0335", "Duplicate recordset exists."),
        "pending": _error(409, "DNS.0314", "The record set is not in a steady state."),
        "flow": _error(403, "DNS.0014", "Request forbidden by flow control."),
        "alias": _error(
            400, "DNS.0312", "Attribute 'name' conflicts with Record Set 'a.zone.' type 'CNAME'."
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.newer = True  # the instance's metadata wants a token
        self.agency = ""  # the secret key of the instance's agency
        self.pending = 0  # so many changes of sets come too early

    def key_of(self, call: Call) -> str:
        headers = call.headers
        url = f"http://{headers['host']}{call.request.path}"
        request = ApiRequest(call.request.method, url, {}, call.request.body)
        now = datetime.strptime(headers["x-sdk-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        text = headers["authorization"]
        access = text.partition("Access=")[2].partition(",")[0]
        for key in self.keys:
            if sign_sdk(request, access, key, now).headers["Authorization"] == text:
                return key
        return ""

    @route("PUT", "/meta-data/latest/api/token")
    def metadata_token(self, call: Call) -> Reply:
        assert int(call.headers["x-metadata-token-ttl-seconds"]) <= 21600
        return Reply(200, b"metadata-token") if self.newer else Reply(405, b"not allowed")

    @route("GET", "/openstack/latest/securitykey")
    def security_key(self, call: Call) -> Reply:
        assert call.headers.get("x-metadata-token", "") == ("metadata-token" * self.newer)
        if not self.agency:
            return Reply(404, b"<html>404 Not Found</html>")
        keys = {"access": "HST3", "secret": self.agency, "securitytoken": "sts-token"}
        return Reply(200, {"credential": {**keys, "expires_at": "2099-01-01T00:00:00.000000Z"}})

    @route("GET", "/v2/zones")
    def list_zones(self, call: Call) -> Reply:
        assert call.query["type"] == "public"
        zones = [
            {"id": zone.id, "name": f"{zone.name}.", "zone_type": "public", "status": "ACTIVE"}
            for zone in self.allowed_zones()
        ]
        start, limit = int(call.query["offset"]), int(call.query["limit"])
        assert limit <= 500
        page = zones[start : start + limit]
        return Reply(200, {"zones": page, "metadata": {"total_count": len(zones)}})

    @route("GET", "/v2/zones/{zone}/recordsets")
    def list_sets(self, call: Call) -> Reply:
        zone, query = self.zone(call["zone"], by_id=True), call.query
        assert (query["type"], query["search_mode"]) == ("TXT", "equal")
        name = self._name(zone, query["name"])
        sets = [self._render(zone, name)] if zone.at(name) and query["offset"] == "0" else []
        return Reply(200, {"recordsets": sets, "metadata": {"total_count": len(sets)}})

    @route("POST", "/v2/zones/{zone}/recordsets")
    def create_set(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"], by_id=True), call.json
        name = self._name(zone, new["name"])
        if zone.at(name):
            raise RefusedError("exists")
        if zone.at(name, "CNAME"):
            raise RefusedError("alias")
        self._write(call, zone, name)
        return Reply(202, self._render(zone, name))

    @route("PUT", "/v2/zones/{zone}/recordsets/{id}")
    def replace_set(self, call: Call) -> Reply:
        zone, name = self._set(call)
        self._write(call, zone, name)
        return Reply(202, self._render(zone, name))

    @route("DELETE", "/v2/zones/{zone}/recordsets/{id}")
    def delete_set(self, call: Call) -> Reply:
        zone, name = self._set(call)
        whole = self._render(zone, name)
        self.replace(zone, name, "TXT", [], 300)
        return Reply(202, {**whole, "status": "PENDING_DELETE"})

    def _write(self, call: Call, zone: FakeZone, name: str) -> None:
        new = call.json
        values = [unquote_txt(text) for text in new["records"]]
        assert all(text.startswith('"') for text in new["records"])
        self.replace(zone, name, new["type"], values, new["ttl"])

    def _set(self, call: Call) -> tuple[FakeZone, str]:
        zone = self.zone(call["zone"], by_id=True)
        if self.pending:
            self.pending -= 1
            raise RefusedError("pending")
        for one in zone.records:
            if call["id"] == f"set-{one.name}":
                return zone, one.name
        raise RefusedError("record")

    def _name(self, zone: FakeZone, whole: str) -> str:
        return whole.rstrip(".").removesuffix(zone.name).rstrip(".")

    def _render(self, zone: FakeZone, name: str) -> dict[str, object]:
        found = zone.at(name)
        whole = f"{name}.{zone.name}.".lstrip(".")
        records = [quote_txt(one.value) for one in found]
        facts = {"id": f"set-{name}", "name": whole, "type": "TXT", "status": "ACTIVE"}
        return {**facts, "ttl": found[0].ttl, "records": records}
