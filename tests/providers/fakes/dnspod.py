"""Tencent Cloud's DNSPod API 3.0 (version 2021-03-23), and a CVM instance's metadata.

Made from Tencent Cloud's API reference and its Go SDK (2026: actions, fields, error codes; errors
have status 200) and the worked example of its signature v3; lego, acme.sh and dnscontrol (2026)
agree. What dns-lexicon recorded is the former API with `id,token`, which is another one. Of an
identical record it says InvalidParameter.DomainRecordExist, as several clients quote. The line for
all resolvers is called otherwise at the international site (clients of 2026); its id is 0 at
both, and goes before the name (the SDKs of both sites). That a sub-user may be allowed one domain
is as Tencent Cloud's manual has it (2026).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.dnspod import sign_tc3


def _answer(**content: object) -> Reply:
    request = {"RequestId": "ab4f1426-ea15-42ea-8183-dc1b44151166"}
    return Reply(200, {"Response": {**content, **request}})


def _error(code: str, message: str) -> Reply:
    return _answer(Error={"Code": code, "Message": message})


class FakeDnsPod(FakeApi):
    sources = "API reference and Go SDK (2026)"
    recorded = "none of this API (the former one, 2018)"
    page_size = 1000
    min_ttl = 600
    logins = "/latest/.*"
    line = "默认"  # what the site calls the line for all resolvers
    refusals = {
        "credentials": _error(
            "AuthFailure.SignatureFailure", "The provided credentials could not be validated."
        ),
        "permission": _error(
            "AuthFailure.UnauthorizedOperation", "The request is not authorized by CAM policies."
        ),
        "zone": _error(
            "InvalidParameterValue.DomainNotExists", "The domain name is not in this account."
        ),
        "record": _error("InvalidParameter.RecordIdInvalid", "The record number is incorrect now."),
        "quota": _error(
            "LimitExceeded.SubdomainRollLimit", "The number of records at the name is exceeded."
        ),
        "invalid": _error("InvalidParameter.SubdomainInvalid", "The subdomain is incorrect."),
        "exists": _error("InvalidParameter.DomainRecordExist", "The record already exists."),
        "line": _error("InvalidParameter.RecordLineInvalid", "The record split zone is incorrect."),
        "no zones": _error("ResourceNotFound.NoDataOfDomain", "There is no data of domains."),
        "no records": _error("ResourceNotFound.NoDataOfRecord", "There is no data of records."),
    }

    def __init__(self) -> None:
        super().__init__()
        self.roles: dict[str, str] = {}
        self.may_list = True  # whether the policy allows DescribeDomainList

    def key_of(self, call: Call) -> str:
        headers = call.headers
        assert headers["x-tc-version"] == "2021-03-23"
        signed = {
            "Content-Type": headers["content-type"],
            "X-TC-Action": headers["x-tc-action"],
        }
        request = ApiRequest("POST", f"http://{headers['host']}", signed, call.request.body)
        now = datetime.fromtimestamp(int(headers["x-tc-timestamp"]), UTC)
        text = headers["authorization"]
        key_id = text.partition("Credential=")[2].partition("/")[0]
        for key in self.keys:
            if sign_tc3(request, "dnspod", key_id, key, now).headers["Authorization"] == text:
                return key
        return ""

    @route("GET", "/latest/meta-data/cam/security-credentials/{role}")
    def role(self, call: Call) -> Reply:
        if call["role"] not in self.roles:
            return Reply(404, b"<html>404 - Not Found</html>")
        keys = {"TmpSecretId": "AKIDtmp", "TmpSecretKey": self.roles[call["role"]]}
        times = {"ExpiredTime": 4070908800, "Expiration": "2099-01-01T00:00:00Z"}
        return Reply(200, {**keys, **times, "Token": "cam-token", "Code": "Success"})

    @route("POST", "/")
    def call(self, call: Call) -> Reply:
        body = call.json
        match call.headers["x-tc-action"]:
            case "DescribeDomainList":
                if not self.may_list:
                    raise RefusedError("permission")
                names = [
                    {"DomainId": 1, "Name": zone.name, "Punycode": zone.name}
                    for zone in self.allowed_zones()
                ]
                return self._list(body, "DomainList", names, "no zones")
            case "DescribeRecordList":
                return self._list_records(body)
            case "CreateRecord":
                return self._create(body)
            case action:
                assert action == "DeleteRecord"
                self.delete(self.zone(body["Domain"]), str(body["RecordId"]))
                return _answer()

    def _list_records(self, body: dict[str, Any]) -> Reply:
        name = body["Subdomain"].replace("@", "")
        records = [
            {"RecordId": one.id, "Name": one.name or "@", "Type": one.type, "Value": one.value}
            | {"TTL": one.ttl, "Line": self.line, "LineId": "0", "Status": "ENABLE"}
            for one in self.zone(body["Domain"]).at(name, body["RecordType"])
        ]
        return self._list(body, "RecordList", records, "no records")

    def _create(self, body: dict[str, Any]) -> Reply:
        if body.get("RecordLineId", "") != "0" and body["RecordLine"] != self.line:
            raise RefusedError("line")
        zone, name = self.zone(body["Domain"]), body["SubDomain"].replace("@", "")
        record = self.create(zone, name, body["RecordType"], body["Value"], body["TTL"])
        return _answer(RecordId=record.id)

    def _list(
        self, body: dict[str, Any], what: str, items: list[dict[str, object]], nothing: str
    ) -> Reply:
        assert body["Limit"] <= 3000
        page = items[body["Offset"] : body["Offset"] + body["Limit"]]
        if not page:
            raise RefusedError(nothing)
        return _answer(**{what: page})
