"""Amazon Route 53's API 2013-04-01 for hosted zones and their record sets.

Made from AWS's service model (botocore 1.43, 2026: route53/2013-04-01): paths, pages, markers,
order of record sets, transactions, errors. Bodies from the exchanges that dns-lexicon recorded
(April 2022), with which paths and parsing agree; it changes sets by UPSERT, and this provider by
DELETE and CREATE in one batch, whose refusals are as people quote them (issues 732 of
kubernetes-sigs/external-dns, 2018; 2887 of boto, 2015; 908 of DNSControl, 2020). Signatures are
checked. The provider runs against moto (2026) too. That a policy may allow one list of zones and
not the other is from the policies in lego's manual and cert-manager's (2026).
"""

from __future__ import annotations

from datetime import datetime
from xml.sax.saxutils import escape

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.refusals import parse_xml
from zoneproof.providers.signatures import sign_aws4
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_HEAD = (
    '<?xml version="1.0"?>\n<{0} xmlns="https://route53.amazonaws.com/doc/2013-04-01/">{1}</{0}>'
)


def _xml(tag: str, content: str, status: int = 200) -> Reply:
    return Reply(status, _HEAD.format(tag, content).encode(), {"Content-Type": "text/xml"})


def _error(status: int, code: str, message: str) -> Reply:
    error = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
    return _xml("ErrorResponse", f"<Error>{error}</Error><RequestId>f00</RequestId>", status)


class FakeRoute53(FakeApi):
    sources = "AWS's service model (2026), recorded exchanges (2022), moto (2026)"
    recorded = "agree, but for UPSERT instead of DELETE and CREATE"
    page_size = 100
    min_ttl = 0
    refusals = {
        "credentials": _error(
            403, "SignatureDoesNotMatch", "The request signature we calculated does not match."
        ),
        "permission": _error(403, "AccessDenied", "User: arn:aws:iam::1:user/x is not authorized"),
        "zone": _error(404, "NoSuchHostedZone", "No hosted zone found with ID: ABCDEFG"),
        "quota": _error(
            400, "InvalidChangeBatch", "[Exceeded limit MAX_RRSETS_BY_ZONE for zone: ABCDEFG]"
        ),
        "invalid": _error(400, "InvalidChangeBatch", "[FATAL problem: DomainLabelTooLong]"),
        "changed": _error(
            400,
            "InvalidChangeBatch",
            "[Tried to delete resource record set [name='x', type='TXT']"
            " but the values provided do not match the current values]",
        ),
    }

    def __init__(self) -> None:
        super().__init__()
        self.by_name_only = False  # of the two lists of zones, the policy allows the one by name
        self.pending = 0  # so many times a change is not yet everywhere

    def key_of(self, call: Call) -> str:
        stamp = call.headers.get("x-amz-date", "20000101T000000Z")
        url = f"http://{call.headers['host']}{call.request.path}"
        request = ApiRequest(call.request.method, url, {}, call.request.body)
        for secret in self.keys:
            signed = sign_aws4(
                request,
                access_key_id="AKIDEXAMPLE",
                secret_access_key=secret,
                session_token=call.headers.get("x-amz-security-token", ""),
                region="us-east-1",
                service="route53",
                now=datetime.strptime(f"{stamp}+0000", "%Y%m%dT%H%M%SZ%z"),
            )
            if signed.headers["Authorization"] == call.headers.get("authorization"):
                return secret
        return ""

    @route("GET", "/2013-04-01/hostedzone")
    def list_zones(self, call: Call) -> Reply:
        if self.by_name_only:
            raise RefusedError("permission")
        start, size = int(call.query.get("marker", 0)), int(call.query.get("maxitems", 100))
        zones = self.allowed_zones()
        content = "".join(map(_render_zone, zones[start : start + size]))
        content += _HIDDEN if not start else ""
        more = start + size < len(zones)
        after = f"<NextMarker>{start + size}</NextMarker>" if more else ""
        content = f"<HostedZones>{content}</HostedZones><IsTruncated>{str(more).lower()}"
        return _xml("ListHostedZonesResponse", f"{content}</IsTruncated>{after}")

    @route("GET", "/2013-04-01/hostedzonesbyname")
    def list_zones_by_name(self, call: Call) -> Reply:
        zones = sorted(self.allowed_zones(), key=lambda zone: zone.name.split(".")[::-1])
        ids = [zone.id for zone in zones]
        start, size = 0, int(call.query.get("maxitems", 100))
        if "dnsname" in call.query:
            start = ids.index(call.query["hostedzoneid"])
            assert call.query["dnsname"] == f"{zones[start].name}."
        page, rest = zones[start : start + size], zones[start + size :]
        content = "".join(map(_render_zone, page)) + (_HIDDEN if not start else "")
        content = f"<HostedZones>{content}</HostedZones><IsTruncated>{str(bool(rest)).lower()}"
        content += "</IsTruncated>"
        if rest:
            content += f"<NextDNSName>{rest[0].name}.</NextDNSName>"
            content += f"<NextHostedZoneId>{rest[0].id}</NextHostedZoneId>"
        return _xml("ListHostedZonesByNameResponse", content)

    @route("GET", "/2013-04-01/hostedzone/{id}/rrset")
    def list_sets(self, call: Call) -> Reply:
        zone = self.zone(call["id"], by_id=True)
        groups: dict[tuple[tuple[str, ...], str], list[Record]] = {}
        for one in zone.records:
            groups[_order(zone, one)] = zone.at(one.name, one.type)
        labels = call.query.get("name", "").rstrip(".").split(".")
        start = (
            (tuple(labels[::-1]), call.query.get("type", "")) if "name" in call.query else ((), "")
        )
        first = [key for key in sorted(groups) if key >= start]
        size = min(int(call.query["maxitems"]), 300)
        shown = "".join(_render(zone, groups[key]) for key in first[:size])
        content = f"<ResourceRecordSets>{shown}</ResourceRecordSets>"
        if len(first) > size:
            following = groups[first[size]][0]
            content += f"<IsTruncated>true</IsTruncated><NextRecordName>{_name(zone, following)}"
            content += f"</NextRecordName><NextRecordType>{following.type}</NextRecordType>"
        return _xml("ListResourceRecordSetsResponse", content)

    @route("POST", "/2013-04-01/hostedzone/{id}/rrset/")
    def change_sets(self, call: Call) -> Reply:
        zone = self.zone(call["id"], by_id=True)
        wanted: dict[str, tuple[list[str], int]] = {}
        for change in parse_xml(call.request.body).iter("Change"):
            name = change.findtext(".//Name", "").removesuffix(f"{zone.name}.").rstrip(".")
            values = [unquote_txt(one.text or "") for one in change.iter("Value")]
            ttl = int(change.findtext(".//TTL", ""))
            there = [(one.value, one.ttl) for one in zone.at(name)]
            deleting = change.findtext("Action") == "DELETE"
            if deleting and sorted(there) != sorted((value, ttl) for value in values):
                raise RefusedError("changed")
            if not deleting and there and name not in wanted:
                raise RefusedError("changed")
            self.check_change(name, ttl)
            wanted[name] = ([] if deleting else values, ttl)
        for name, (values, ttl) in wanted.items():
            self.replace(zone, name, "TXT", values, ttl)
        return _xml("ChangeResourceRecordSetsResponse", self._change())

    @route("GET", "/2013-04-01/change/{id}")
    def get_change(self, call: Call) -> Reply:
        return _xml("GetChangeResponse", self._change())

    def _change(self) -> str:
        status = "PENDING" if self.pending else "INSYNC"
        self.pending = max(0, self.pending - 1)
        when = "<SubmittedAt>2022-04-19T20:56:44.521Z</SubmittedAt>"
        return f"<ChangeInfo><Id>/change/C05</Id><Status>{status}</Status>{when}</ChangeInfo>"


_HIDDEN = (
    "<HostedZone><Id>/hostedzone/PRIVATE</Id><Name>zone.example.</Name><Config>"
    "<PrivateZone>true</PrivateZone></Config></HostedZone>"
)


def _render_zone(zone: FakeZone) -> str:
    return (
        f"<HostedZone><Id>/hostedzone/{zone.id}</Id><Name>{zone.name}.</Name><Config>"
        "<PrivateZone>false</PrivateZone></Config></HostedZone>"
    )


def _order(zone: FakeZone, record: Record) -> tuple[tuple[str, ...], str]:
    return tuple(_name(zone, record).rstrip(".").split(".")[::-1]), record.type


def _name(zone: FakeZone, record: Record) -> str:
    return f"{record.name}.{zone.name}.".lstrip(".")


def _render(zone: FakeZone, records: list[Record]) -> str:
    first = records[0]
    values = [quote_txt(one.value) if one.type == "TXT" else one.value for one in records]
    shown = "".join(
        f"<ResourceRecord><Value>{escape(one)}</Value></ResourceRecord>" for one in values
    )
    return (
        f"<ResourceRecordSet><Name>{_name(zone, first)}</Name><Type>{first.type}</Type>"
        f"<TTL>{first.ttl}</TTL><ResourceRecords>{shown}</ResourceRecords></ResourceRecordSet>"
    )
