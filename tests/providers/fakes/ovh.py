"""OVHcloud's API 1.0 for DNS zones, signed by keys or with an OAuth 2 client's token.

Made from the exchanges that dns-lexicon recorded (June 2018), with which paths, parameters and
parsing agree, but for the time, which is this machine's here and asked for there; from OVH's own
Go client (go-ovh, August 2025) for the signature, endpoints and logins; and from lego, acme.sh and
dnscontrol (2026), which agree. That TXT targets are stored in quotes or bare, as they were sent,
is in the recorded exchanges. The current credential is as OVH's API description has it (2026). No
limit of records is known. That a rule for what is below a path is none for the path itself, so that
the key that certbot's manual and acme.sh's wiki ask for lists zones at ``/domain/zone/`` only, is
as OVH's Python client says (python-ovh, consumer_key.py) and as dns-lexicon asks (2026; issues
9109 and 9747 of certbot). acme.sh's wiki and dns-lexicon's pull request 97 (2026) have keys with
rules for a single zone, which may list nothing.
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from tests.support.fake_api import Call, FakeApi, Record, RefusedError, deletes, route
from tests.support.fake_http import Reply
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.ovh import signature
from zoneproof.providers.txt_text import quote_txt, unquote_txt


def _error(status: int, message: str, code: str = "") -> Reply:
    return Reply(status, {"message": message, **({"errorCode": code} if code else {})})


class FakeOvh(FakeApi):
    sources = "recorded exchanges (2018), OVH's Go client (2025)"
    recorded = "agree, but for the machine's time instead of the server's"
    min_ttl = 60
    logins = "/auth/oauth2/token"
    refusals = {
        "credentials": _error(403, "This credential is not valid", "INVALID_CREDENTIAL"),
        "permission": _error(403, "This call has not been granted", "NOT_GRANTED_CALL"),
        "zone": _error(404, "This service does not exist"),
        "record": _error(404, "The requested object (id = 1) does not exist"),
        "invalid": _error(400, "Invalid subDomain"),
    }
    impossible = {"quota": "no limit of records is documented"}

    def __init__(self) -> None:
        super().__init__()
        self.refreshed: list[str] = []
        self.may_get = "/*"  # the rule of the consumer key for GET

    def key_of(self, call: Call) -> str:
        headers = call.headers
        if "x-ovh-application" not in headers:
            return super().key_of(call)
        url = f"http://{headers['host']}{call.request.path}"
        request = ApiRequest(call.request.method, url, {}, call.request.body)
        consumer, seconds = headers["x-ovh-consumer"], headers["x-ovh-timestamp"]
        return next(
            (
                key
                for key in self.keys
                if signature(request, key, consumer, seconds) == headers["x-ovh-signature"]
            ),
            "",
        )

    @route("POST", "/auth/oauth2/token")
    def sign_in(self, call: Call) -> Reply:
        form = call.form
        assert (form["grant_type"], form["scope"]) == ("client_credentials", "all")
        token = self.issue(form["client_secret"])
        return Reply(200, {"access_token": token, "token_type": "Bearer", "expires_in": 3599})

    @route("GET", "/1.0/auth/currentCredential")
    def current_credential(self, call: Call) -> Reply:
        end = self.expires.isoformat() if self.expires else None
        return Reply(200, {"credentialId": 1, "status": "validated", "expiration": end})

    def enter(self, call: Call) -> None:
        super().enter(call)
        path = call.path.removeprefix("/1.0")
        if call.request.method == "GET" and not fnmatchcase(path, self.may_get):
            raise RefusedError("permission")

    @route("GET", "/1.0/domain/zone/")
    def list_zones_below(self, call: Call) -> Reply:
        return self.list_zones(call)

    @route("GET", "/1.0/domain/zone")
    def list_zones(self, call: Call) -> Reply:
        return Reply(200, [zone.name for zone in self.allowed_zones()])

    @route("GET", "/1.0/domain/zone/{zone}/record")
    def list_records(self, call: Call) -> Reply:
        wanted = call.query
        return Reply(
            200,
            [
                one.id
                for one in self.zone(call["zone"]).records
                if wanted.get("fieldType") in (None, one.type)
                and wanted.get("subDomain") in (None, "", one.name)
            ],
        )

    @route("GET", "/1.0/domain/zone/{zone}/record/{id}")
    def get_record(self, call: Call) -> Reply:
        zone = self.zone(call["zone"])
        return Reply(200, self._render(zone.name, self.find(zone, call["id"])))

    @route("POST", "/1.0/domain/zone/{zone}/record")
    def create_record(self, call: Call) -> Reply:
        zone, new = self.zone(call["zone"]), call.json
        value = unquote_txt(new["target"])
        record = self.create(zone, new["subDomain"], new["fieldType"], value, new["ttl"])
        return Reply(200, self._render(zone.name, record))

    delete_record = deletes("/1.0/domain/zone/{zone}/record/{id}", Reply(200, None))

    @route("POST", "/1.0/domain/zone/{zone}/refresh")
    def refresh(self, call: Call) -> Reply:
        if self._key.read_only:
            raise RefusedError("permission")
        self.refreshed.append(self.zone(call["zone"]).name)
        return Reply(200, None)

    def _render(self, zone: str, record: Record) -> dict[str, Any]:
        bare = record.id % 2 and record.value.isalnum()  # as another client may have written it
        return {
            "target": record.value if bare else quote_txt(record.value),
            "ttl": record.ttl,
            "zone": zone,
            "fieldType": record.type,
            "id": record.id,
            "subDomain": record.name,
        }


class FakeOvhLogin(FakeOvh):
    refusals = {
        **FakeOvh.refusals,
        "credentials": Reply(
            401,
            {"error": "invalid_client", "error_description": "Client authentication failed"},
        ),
    }
