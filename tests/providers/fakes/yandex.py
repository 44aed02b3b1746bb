"""Yandex Cloud's DNS API v1, its tokens, and a machine's metadata.

Made from Yandex Cloud's API description (github.com/yandex-cloud/cloudapi, July 2026:
dns_zone_service.proto for paths, pages, filters, and that updateRecordSets refuses what is not
exactly there or exists) and from the exchanges that dns-lexicon recorded (July to October 2022),
with which paths, names and parsing agree, but that they read by getRecordSet and write by
upsertRecordSets, which looks at nothing. acme.sh and
lego (2026) agree on the token of a key (PS256) and on bare values. Refusals are gRPC's codes in
JSON, as recorded; their words beside "not found" are not known.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from tests.support.rsa_keys import read_jwt

_ZONE = "/dns/v1/zones/{zone}"


def _error(status: int, code: int, message: str) -> Reply:
    kind = "type.googleapis.com/google.rpc.RequestInfo"
    details = [{"@type": kind, "requestId": "11a20b72-3f25-4be5-9822-133e71bc1fc5"}]
    return Reply(status, {"code": code, "message": message, "details": details})


class FakeYandex(FakeApi):
    sources = "API description (2026), recorded exchanges (2022)"
    recorded = "agree, but that they write without looking"
    page_size = 1000
    logins = "/iam/v1/tokens|/computeMetadata/.*"
    refusals = {
        "credentials": _error(401, 16, "The token is invalid, because the signature is not right"),
        "permission": _error(403, 7, "Permission denied for the service account in this zone."),
        "zone": _error(404, 5, "DnsZone not found: DnsZone.Id(id=dns3a9nospukjt4jlqdm) in folder"),
        "quota": _error(429, 8, "The limit on the number of dns.recordSets.count was exceeded"),
        "invalid": _error(400, 3, "Illegal argument: the name of the record set is not valid"),
        "gone": _error(404, 5, "RecordSet not found: it is not there as specified, deletion"),
        "exists": _error(409, 6, "RecordSet already exists, and cannot be added to the zone"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.private: set[str] = set()

    @route("POST", "/iam/v1/tokens")
    def key_token(self, call: Call) -> Reply:
        for key in self.keys:
            if key.startswith("-----") and (read := read_jwt(call.json["jwt"], key)):
                header, claims = read
                assert header["alg"] == "PS256"
                assert header["kid"]
                assert claims["aud"] == "https://iam.api.cloud.yandex.net/iam/v1/tokens"
                token = {"iamToken": self.issue(key), "expiresAt": "2099-01-01T00:00:00.123456Z"}
                return Reply(200, token)
        raise RefusedError("credentials")

    @route("GET", "/computeMetadata/v1/instance/service-accounts/default/token")
    def machine_token(self, call: Call) -> Reply:
        assert call.headers["metadata-flavor"] == "Google"
        token = {"access_token": self.issue("system"), "token_type": "Bearer"}
        return Reply(200, {**token, "expires_in": 43000})

    @route("GET", "/dns/v1/zones")
    def list_zones(self, call: Call) -> Reply:
        assert call.query["folderId"] == "folder-1"
        zones: list[dict[str, Any]] = [
            {"id": zone.id, "folderId": "folder-1", "zone": f"{zone.name}."}
            | {("privateVisibility" if zone.name in self.private else "publicVisibility"): {}}
            for zone in self.allowed_zones()
        ]
        number = int(call.query.get("pageToken", 1))
        page, last = self.page(zones, number, int(call.query["pageSize"]))
        following = {"nextPageToken": str(number + 1)} if number < last else {}
        return Reply(200, {"dnsZones": page, **following} if page else {})

    @route("GET", _ZONE + ":listRecordSets")
    def list_sets(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        name, _, kind = call.query["filter"].partition(" AND ")
        assert kind == 'type="TXT"'
        whole = name.removeprefix('name="').removesuffix('"')
        found = zone.at(whole.rstrip(".").removesuffix(zone.name).rstrip("."))
        if not found:
            return Reply(200, {})
        one = {"name": whole, "type": "TXT", "ttl": str(found[0].ttl)}
        return Reply(200, {"recordSets": [{**one, "data": [_as_stored(r.value) for r in found]}]})

    @route("POST", _ZONE + ":updateRecordSets")
    def update_sets(self, call: Call) -> Reply:
        zone = self.zone(call["zone"], by_id=True)
        names: dict[str, tuple[list[str], int]] = {}
        for one in call.json["deletions"]:
            name = one["name"].rstrip(".").removesuffix(zone.name).rstrip(".")
            found = zone.at(name)
            same = sorted(_as_stored(r.value) for r in found) == sorted(one["data"])
            if not same or found[0].ttl != one["ttl"]:
                raise RefusedError("gone")
            names[name] = ([], 60)
        for one in call.json["additions"]:
            name = one["name"].rstrip(".").removesuffix(zone.name).rstrip(".")
            if zone.at(name) and name not in names:
                raise RefusedError("exists")
            names[name] = ([text.strip('"') for text in one["data"]], one["ttl"])
        for name, (_, ttl) in names.items():
            self.check_change(name, ttl)
        for name, (values, ttl) in names.items():
            self.replace(zone, name, "TXT", values, ttl)
        done: dict[str, Any] = {"done": True, "id": "dnsn7luqbaqj9kqmo00k", "response": {}}
        return Reply(200, done)


def _as_stored(value: str) -> str:
    """Return the text as another client may have written it: some in quotes."""
    return f'"{value}"' if len(value) % 2 else value
