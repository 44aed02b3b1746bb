"""Alibaba Cloud DNS, version 2015-01-09, and an ECS instance's metadata.

Made from Alibaba Cloud's API reference (2026: actions, parameters, pages of 100 and 500, the V3
signature, the instance's metadata) and from the exchanges that dns-lexicon recorded (May 2019),
with which actions, parameters and parsing agree; they were signed in the query (V1). Codes of
refusals are those of the exchanges, of Alibaba's Terraform provider and of ddns clients (2026).
dnscontrol tried in December 2025 which values are changed. That a RAM user may be allowed one
domain's records and no list of domains is as in the policies of issue 16 of certbot-dns-aliyun and
issue 47 of aliyun-ddns. That changes at the same time are refused until the last one has ended is
issue 2976 of the Terraform provider (2020), which tries again for minutes; certd waits 5 seconds.
"""

from __future__ import annotations

from datetime import datetime

from tests.support.fake_api import Call, FakeApi, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.aliyun import sign_acs3
from zoneproof.providers.api_request import ApiRequest


def _error(status: int, code: str, message: str) -> Reply:
    body = {"RequestId": "52617F98", "HostId": "alidns.aliyuncs.com", "Code": code}
    return Reply(status, {**body, "Message": message})


class FakeAliyun(FakeApi):
    sources = "API reference (2026), recorded exchanges (2019)"
    recorded = "agree, but for the signature, which is the newer one"
    page_size = 100
    min_ttl = 600
    logins = "/latest/.*"
    refusals = {
        "credentials": _error(
            400, "SignatureDoesNotMatch", "Specified signature does not match our calculation."
        ),
        "permission": _error(403, "Forbidden.RAM", "User not authorized to operate the resource."),
        "zone": _error(
            400, "InvalidDomainName.NoExist", "The specified domain name does not exist."
        ),
        "record": _error(
            400, "DomainRecordNotBelongToUser", "The record does not belong to this user."
        ),
        "quota": _error(400, "QuotaExceeded.Record", "The maximum number of records is exceeded."),
        "invalid": _error(400, "InvalidRR.Format", "The format of the host record is invalid."),
        "exists": _error(400, "DomainRecordDuplicate", "The DNS record already exists."),
        "busy": _error(
            400,
            "LastOperationNotFinished",
            "You can't finish this operation because the last operation has not been finished.",
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.roles: dict[str, str] = {}
        self.may_list = True  # whether the policy allows DescribeDomains

    def key_of(self, call: Call) -> str:
        headers = call.headers
        assert headers["x-acs-version"] == "2015-01-09"
        url = f"http://{headers['host']}{call.request.path}"
        request = ApiRequest(call.request.method, url, {}, call.request.body)
        text = headers["authorization"]
        key_id = text.partition("Credential=")[2].partition(",")[0]
        token = headers.get("x-acs-security-token", "")
        now = datetime.fromisoformat(headers["x-acs-date"])
        for key in self.keys:
            nonce, action = headers["x-acs-signature-nonce"], headers["x-acs-action"]
            signed = sign_acs3(request, action, "2015-01-09", (key_id, key, token), now, nonce)
            if signed.headers["Authorization"] == text:
                return key
        return ""

    @route("PUT", "/latest/api/token")
    def metadata_token(self, call: Call) -> Reply:
        assert int(call.headers["x-aliyun-ecs-metadata-token-ttl-seconds"]) <= 21600
        return Reply(200, b"metadata-token")

    @route("GET", "/latest/meta-data/ram/security-credentials/{role}")
    def role(self, call: Call) -> Reply:
        assert call.headers["x-aliyun-ecs-metadata-token"] == "metadata-token"
        if call["role"] not in self.roles:
            return Reply(404, b"<html>404 - Not Found</html>")
        keys = {"AccessKeyId": "STS.NSw", "AccessKeySecret": self.roles[call["role"]]}
        dates = {"Expiration": "2099-01-01T00:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z"}
        return Reply(200, {**keys, **dates, "SecurityToken": "sts-token", "Code": "Success"})

    @route("GET", "/")
    def read(self, call: Call) -> Reply:
        query, number = call.query, int(call.query.get("PageNumber", 1))
        size = int(query.get("PageSize", 20))
        if call.headers["x-acs-action"] == "DescribeDomains":
            assert size <= 100
            if not self.may_list:
                raise RefusedError("permission")
            zones, _ = self.page(self.allowed_zones(), number, size)
            names = [{"DomainName": zone.name, "PunyCode": zone.name} for zone in zones]
            return Reply(200, {"PageNumber": number, "Domains": {"Domain": names}})
        assert call.headers["x-acs-action"] == "DescribeDomainRecords"
        assert size <= 500
        zone = self.zone(query["DomainName"])
        records = [
            {"RecordId": str(one.id), "RR": one.name or "@", "Type": one.type}
            | {"Value": one.value, "TTL": one.ttl, "Line": "default", "Status": "ENABLE"}
            for one in zone.records
            if query["RRKeyWord"] in (one.name or "@") and query["TypeKeyWord"] in one.type
        ]
        page = records[(number - 1) * size : number * size]
        whole = {"PageNumber": number, "PageSize": size, "TotalCount": len(records)}
        return Reply(200, {**whole, "DomainRecords": {"Record": page}})

    @route("POST", "/")
    def write(self, call: Call) -> Reply:
        query = call.query
        if call.headers["x-acs-action"] == "DeleteDomainRecord":
            for zone in self.allowed_zones():
                if any(str(one.id) == query["RecordId"] for one in zone.records):
                    self.delete(zone, query["RecordId"])
                    return Reply(200, {"RecordId": query["RecordId"]})
            raise RefusedError("record")
        assert call.headers["x-acs-action"] == "AddDomainRecord"
        zone, name = self.zone(query["DomainName"]), query["RR"].replace("@", "")
        ttl = int(query["TTL"])
        record = self.create(zone, name, query["Type"], query["Value"], ttl)
        return Reply(200, {"RecordId": str(record.id), "RequestId": "3E40159A"})
