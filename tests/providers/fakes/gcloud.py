"""Google Cloud DNS v1, the token services beside it, and a machine's metadata server.

Made from Google's API reference (cloud.google.com/dns/docs/reference/rest/v1, 2026) and from the
exchanges that dns-lexicon recorded (July 2018), with which paths under /dns/v1, parameters and
parsing agree, but for the host, which is dns.googleapis.com now. That a deletion must be exact
(412 conditionNotMet, 404) and an addition new (409 alreadyExists) is as the reference says of
changes. Token exchange and impersonation follow AIP-4117 and RFC 8693 (2026), the key's token RFC
7523. lego and dnscontrol (2026) agree. The certificates of an account's keys are at the address
that a key's file names (2026).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from tests.support.rsa_keys import read_jwt
from tests.support.self_signed import self_signed
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_SCOPE = "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
_CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_ZONE = "/dns/v1/projects/project-1/managedZones/{zone}"


def _error(status: int, reason: str, message: str) -> Reply:
    errors = [{"domain": "global", "reason": reason, "message": message}]
    return Reply(status, {"error": {"errors": errors, "code": status, "message": message}})


class FakeGoogleCloud(FakeApi):
    sources = "API reference (2026), recorded exchanges (2018)"
    recorded = "agree, but for the host, which has changed"
    page_size = 100
    logins = r"/token|/x509|/sts|/subject|/computeMetadata/.*|/iam/.*"
    refusals = {
        "credentials": Reply(
            400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}
        ),
        "permission": _error(403, "forbidden", "Forbidden to change this."),
        "zone": _error(
            404, "notFound", "The 'parameters.managedZone' resource named 'x' does not exist."
        ),
        "quota": _error(403, "quotaExceeded", "The quota of resource record sets is used up."),
        "invalid": _error(400, "invalid", "Invalid value for 'entity.change.additions[0].name'."),
        "exists": _error(409, "alreadyExists", "The resource 'entity.change' already exists."),
        "changed": _error(412, "conditionNotMet", "Precondition not met for 'entity.change'."),
        "gone": _error(404, "notFound", "The 'entity.change' resource does not exist."),
    }

    def __init__(self) -> None:
        super().__init__()
        self.visibility: dict[str, str] = {}
        self.subjects: set[str] = set()  # tokens of another service, which may act as system

    @route("POST", "/token")
    def key_token(self, call: Call) -> Reply:
        assert call.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        for key in self.keys:
            if key.startswith("-----") and (read := read_jwt(call.form["assertion"], key)):
                assert read[1]["aud"].endswith("/token")
                assert read[1]["exp"] - read[1]["iat"] == 3600
                return self._token(key)
        raise RefusedError("credentials")

    @route("GET", "/x509")
    def certificates(self, call: Call) -> Reply:
        end = self.expires or datetime(9999, 12, 31, tzinfo=UTC)
        days = (end - datetime.now(UTC)) / timedelta(days=1)
        made, _ = self_signed("dns@project-1.iam.gserviceaccount.com", days=(-1, days))
        return Reply(200, {"key-0": made.public_bytes(Encoding.PEM).decode()})

    @route("GET", "/computeMetadata/v1/instance/service-accounts/default/token")
    def machine_token(self, call: Call) -> Reply:
        assert call.headers["metadata-flavor"] == "Google"
        return self._token("system")

    @route("GET", "/computeMetadata/v1/project/project-id")
    def machine_project(self, call: Call) -> Reply:
        assert call.headers["metadata-flavor"] == "Google"
        return Reply(200, b"project-1")

    @route("GET", "/subject")
    def subject_token(self, call: Call) -> Reply:
        assert call.headers["x-from"] == "test"
        return Reply(200, {"id_token": "subject"})

    @route("POST", "/sts")
    def exchange(self, call: Call) -> Reply:
        form = call.form
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:token-exchange"
        assert form["audience"] == "//iam.googleapis.com/pool"
        assert form["subject_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
        if form["subject_token"] not in self.subjects:
            raise RefusedError("credentials")
        return self._token("system")

    @route("POST", "/iam/v1/projects/-/serviceAccounts/{account}")
    def impersonate(self, call: Call) -> Reply:
        email, _, action = call["account"].partition(":")
        assert action == "generateAccessToken"
        assert call.json["scope"] == [_SCOPE]
        if not self.key_of(call):
            raise RefusedError("permission")
        token = {"accessToken": self.issue(email), "expireTime": "2099-01-01T00:00:00Z"}
        return Reply(200, token)

    @route("GET", "/dns/v1/projects/project-1/managedZones")
    def list_zones(self, call: Call) -> Reply:
        zones = [
            {"name": zone.id, "id": "699036609868956548", "dnsName": f"{zone.name}."}
            | {"visibility": self.visibility.get(zone.name, "public")}
            for zone in self.allowed_zones()
        ]
        return self._page(call, "managedZones", zones)

    @route("GET", _ZONE + "/rrsets")
    def list_sets(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        name = call.query["name"].rstrip(".").removesuffix(zone.name).rstrip(".")
        found = zone.at(name)
        texts = [_as_stored(one.value) for one in found]
        one = {"name": call.query["name"], "type": "TXT", "rrdatas": texts}
        return self._page(call, "rrsets", [{**one, "ttl": found[0].ttl}] if found else [])

    @route("POST", _ZONE + "/changes")
    def change(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        names: dict[str, tuple[list[str], int]] = {}
        for one in call.json["deletions"]:
            name = one["name"].rstrip(".").removesuffix(zone.name).rstrip(".")
            found = zone.at(name)
            if not found:
                raise RefusedError("gone")
            if [_as_stored(r.value) for r in found] != one["rrdatas"] or found[0].ttl != one["ttl"]:
                raise RefusedError("changed")
            names[name] = ([], 60)
        for one in call.json["additions"]:
            name = one["name"].rstrip(".").removesuffix(zone.name).rstrip(".")
            if zone.at(name) and name not in names:
                raise RefusedError("exists")
            names[name] = ([unquote_txt(text) for text in one["rrdatas"]], one["ttl"])
        for name, (_, ttl) in names.items():
            self.check_change(name, ttl)
        for name, (values, ttl) in names.items():
            self.replace(zone, name, "TXT", values, ttl)
        return Reply(200, {"kind": "dns#change", "id": "219", "status": "pending"})

    def _token(self, key: str) -> Reply:
        token = {"access_token": self.issue(key), "token_type": "Bearer", "expires_in": 3600}
        return Reply(200, token)

    def _page(self, call: Call, what: str, items: list[dict[str, Any]]) -> Reply:
        number = int(call.query.get("pageToken", 1))
        page, last = self.page(items, number)
        following = {"nextPageToken": str(number + 1)} if number < last else {}
        return Reply(200, {"kind": "dns#list", what: page, **following})


def _as_stored(value: str) -> str:
    """Return the text as another client may have written it: a simple value without quotes."""
    simple = value.isalnum() and len(value) < 40
    return value if simple else quote_txt(value)
