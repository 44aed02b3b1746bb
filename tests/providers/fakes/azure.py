"""Azure's management API for DNS zones, its login and a machine's metadata service.

Made from Azure's API descriptions (github.com/Azure/azure-rest-api-specs, 2026: dns 2018-05-01,
privatedns 2024-06-01) for paths, versions, If-Match and If-None-Match, names of properties, and
from the exchanges that dns-lexicon recorded (June 2023) for bodies: paths, parameters and parsing
agree with them, but for the login, which is that of v2.0 here and v1.0 there. Refusals are as
issues of terraform-provider-azurerm and acme clients quote them (2023 to 2024). The metadata
service is as Microsoft's own libraries use it (msal-node 5.0, 2026). Posh-ACME and acme.sh (2026)
agree. An application's secrets are as the reference of Microsoft Graph 1.0 has them (2026). That a
set may be there without values, with an ETag and its list empty but not absent, is as the tests of
Azure's own command line recorded it (azure-cli, test_dns.yaml, October 2021). That a change may
meet one that is in progress is as issue 4363 of dnscontrol has it, which tries again then (2026).
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_api import Call, FakeApi, FakeZone, RefusedError, route
from tests.support.fake_http import Reply

_PREFIX = "/subscriptions/sub-1/resourceGroups/rg-1/providers/Microsoft.Network"
_LIST = "/subscriptions/{subscription}/providers/Microsoft.Network"


def _error(status: int, code: str, message: str) -> Reply:
    return Reply(status, {"error": {"code": code, "message": message}})


class FakeAzure(FakeApi):
    sources = "API description (2026), recorded exchanges (2023)"
    recorded = "agree, but for the version of the login"
    page_size = 100
    logins = r"/[^/]+/oauth2/v2\.0/token|/metadata/identity/oauth2/token"
    refusals = {
        "credentials": Reply(
            401,
            {
                "error": "invalid_client",
                "error_description": "AADSTS7000215: Invalid client secret provided.",
                "error_codes": [7000215],
            },
        ),
        "permission": _error(
            403,
            "AuthorizationFailed",
            "The client 'c' with object id 'o' does not have authorization to perform action"
            " 'Microsoft.Network/dnsZones/TXT/write' over scope 's'.",
        ),
        "zone": _error(
            404,
            "ParentResourceNotFound",
            "Failed to perform 'write' on resource(s) of type 'dnszones/TXT', because the parent"
            " resource could not be found.",
        ),
        "invalid": _error(400, "BadRequest", "The domain name is invalid."),
        "pending": Reply(
            409,
            {
                "code": "Conflict",
                "message": "Another operation is pending for requested object. Operation group 'g'"
                " already has 1 operations like 'o' queued.",
            },
        ),
    }

    impossible = {"quota": "what it answers beyond 20 values at a name is not known"}

    def __init__(self) -> None:
        super().__init__()
        self.private = False
        self.empty: set[str] = set()  # names of sets without values

    def add_zone(self, name: str, key: str = "") -> FakeZone:
        kind = "privateDnsZones" if self.private else "dnszones"
        return super().add_zone(name, key or f"{_PREFIX}/{kind}/{name}")

    @route("POST", "/{tenant}/oauth2/v2.0/token")
    def sign_in(self, call: Call) -> Reply:
        form = call.form
        assert form["grant_type"] == "client_credentials"
        assert form["scope"] in (
            "https://management.azure.com/.default",
            "https://graph.microsoft.com/.default",
        )
        key = form.get("client_secret") or form["client_assertion"]
        return Reply(
            200, {"token_type": "Bearer", "expires_in": 3599, "access_token": self.issue(key)}
        )

    @route("GET", "/v1.0/{application}")
    def application(self, call: Call) -> Reply:
        assert call["application"] == "applications(appId='client-1')"
        assert call.query["$select"] == "passwordCredentials"
        ended = {"hint": "i8Q", "endDateTime": "2024-01-01T00:00:00Z"}
        other = {"hint": "x1Y", "endDateTime": "2027-01-01T00:00:00Z"}
        end = f"{self.expires:%Y-%m-%dT%H:%M:%SZ}" if self.expires else None
        own = {"hint": "i8Q", "endDateTime": end}
        return Reply(200, {"passwordCredentials": [ended, other, own]})

    @route("GET", "/metadata/identity/oauth2/token")
    def machine(self, call: Call) -> Reply:
        assert call.headers["metadata"] == "true"
        assert call.query["api-version"] == "2018-02-01"
        if (key := call.query.get("client_id", "system")) not in self.keys:
            body = {"error": "invalid_request", "error_description": "Identity not found"}
            return Reply(400, body)
        token = {"access_token": self.issue(key), "expires_in": "86399", "token_type": "Bearer"}
        return Reply(200, {**token, "resource": call.query["resource"]})

    @route("GET", f"{_LIST}/dnsZones")
    def list_public(self, call: Call) -> Reply:
        return self._list(call, "2018-05-01")

    @route("GET", f"{_LIST}/privateDnsZones")
    def list_private(self, call: Call) -> Reply:
        return self._list(call, "2024-06-01")

    @route("GET", _PREFIX + "/{kind}/{zone}/TXT/{name}")
    def get_set(self, call: Call) -> Reply:
        zone, name, version = self._place(call)
        found = zone.at(name)
        if not version:
            return _error(404, "NotFound", f"The resource record '{name}' does not exist.")
        records = [{"value": _parts(one.value)} for one in found]
        ttl, txt = ("ttl", "txtRecords") if self.private else ("TTL", "TXTRecords")
        properties = {
            "fqdn": f"{name}.{zone.name}.",
            ttl: found[0].ttl if found else 3600,
            txt: records,
        }
        return Reply(200, {"name": name, "etag": version, "properties": properties})

    @route("PUT", _PREFIX + "/{kind}/{zone}/TXT/{name}")
    def put_set(self, call: Call) -> Reply:
        zone, name, version = self._place(call)
        assert not version or call.headers.get("if-none-match"), "the metadata would be lost"
        return self._write(call, zone, name, version)

    @route("PATCH", _PREFIX + "/{kind}/{zone}/TXT/{name}")
    def patch_set(self, call: Call) -> Reply:
        zone, name, version = self._place(call)
        if not version:
            return _error(404, "NotFound", f"The resource record '{name}' does not exist.")
        return self._write(call, zone, name, version)

    def _write(self, call: Call, zone: FakeZone, name: str, version: str) -> Reply:
        self._check_version(call, version)
        properties = call.json["properties"]
        ttl, txt = ("ttl", "txtRecords") if self.private else ("TTL", "TXTRecords")
        assert all(len(s.encode()) < 256 for one in properties[txt] for s in one["value"])
        values = ["".join(one["value"]) for one in properties[txt]]
        self.replace(zone, name, "TXT", values, properties[ttl])
        return Reply(200 if version else 201, {"name": name, "properties": properties})

    @route("DELETE", _PREFIX + "/{kind}/{zone}/TXT/{name}")
    def delete_set(self, call: Call) -> Reply:
        zone, name, version = self._place(call)
        if not version:
            return Reply(204)
        self._check_version(call, version)
        self.replace(zone, name, "TXT", [], 60)
        return Reply(200)

    @route("GET", "/{junk}/TXT/{name}")
    def no_resource(self, call: Call) -> Reply:
        raise RefusedError("zone")

    @route("PUT", "/{junk}/TXT/{name}")
    def no_such_resource(self, call: Call) -> Reply:
        raise RefusedError("zone")

    def _place(self, call: Call) -> tuple[FakeZone, str, str]:
        assert call["kind"].lower() == ("privatednszones" if self.private else "dnszones")
        zone, name = self.zone(call["zone"]), call["name"].replace("@", "")
        is_there = zone.at(name) or name in self.empty
        etag = f"{self.versions.get((zone.name, name), 0):08}-0000" if is_there else ""
        return zone, name, etag

    def _check_version(self, call: Call, version: str) -> None:
        wanted, create = call.headers.get("if-match"), call.headers.get("if-none-match")
        if (wanted is not None and wanted != version) or (create == "*" and version):
            raise RefusedError("changed")

    def refuse(self, kind: str) -> Reply:
        if kind == "changed":
            return _error(412, "PreconditionFailed", "The condition '*' was not satisfied.")
        return super().refuse(kind)

    def _list(self, call: Call, version: str) -> Reply:
        assert call.query["api-version"] == version
        start = int(call.query.get("$skipToken", 0))
        zones: list[dict[str, Any]] = [
            {"id": z.id, "name": z.name, "location": "global", "properties": {}}
            for z in self.allowed_zones()
        ]
        after = start + self.page_size
        page: dict[str, Any] = {"value": zones[start:after]}
        if after < len(zones):
            page["nextLink"] = self.url_of(call, **{"$skipToken": after})
        return Reply(200, page)


def _parts(value: str) -> list[str]:
    return [value[i : i + 100] for i in range(0, len(value), 100)]
