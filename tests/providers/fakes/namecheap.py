"""Namecheap's XML API: domains.getList, domains.dns.getHosts and setHosts.

Made from the API reference (namecheap.com/support/api: global-parameters, methods domains.getList,
domains.dns.getHosts and setHosts; stored copies of 2025) for parameters, pages and error numbers,
and from the exchanges with the sandbox that dns-lexicon recorded (May 2020) for bodies: attributes
of hosts, EmailType, error documents with status 200. Paths and parsing agree with them; the login
stands in the form here, which the reference allows, and in the query there. acme.sh and
dnscontrol (2026) agree that a domain's SLD is its first label. dnscontrol also says that a value
has no quotes, and that who asks too often is answered 405; Posh-ACME (2026) that a busy server
says 3050750. In lego's bodies (2026) the kind of e-mail service can be missing; its kinds are those
of Namecheap's own client in Go (2026). That a domain in the list may use other name servers, and
that a host which is replaced is no Dynamic DNS any longer, for which the request has no parameter,
is as issues 2107 (2020) and 7178 (2026) of acme.sh have it.
"""

from __future__ import annotations

from xml.sax.saxutils import quoteattr

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply

_HEAD = '<?xml version="1.0" encoding="utf-8"?>\r\n<ApiResponse Status="{}" xmlns="{}">{}'
_SPACE = "http://api.namecheap.com/xml.response"
_EMAIL_TYPES = ("NONE", "MXE", "MX", "FWD", "OX", "GMAIL")
_TAIL = "<Server>PHX01SBAPIEXT02</Server><ExecutionTime>0.1</ExecutionTime></ApiResponse>"


def _error(number: int, text: str) -> Reply:
    errors = f'<Errors><Error Number="{number}">{text}</Error></Errors>'
    return Reply(200, (_HEAD.format("ERROR", _SPACE, errors) + _TAIL).encode())


class FakeNamecheap(FakeApi):
    sources = "API reference (2025), recorded exchanges (2020)"
    recorded = "agree"
    page_size = 100
    min_ttl = 60
    refusals = {
        "credentials": _error(1011102, "API Key is invalid or API access has not been enabled"),
        "permission": _error(1011150, "Invalid request IP: 198.51.100.7"),
        "zone": _error(2019166, "Domain name not found"),
        "quota": _error(3013288, "Too many records"),
        "invalid": _error(2050900, "Invalid host name"),
    }

    def __init__(self) -> None:
        super().__init__()
        self.email_types: dict[str, str] = {}
        self.elsewhere: set[str] = set()  # names of domains with other name servers

    def key_of(self, call: Call) -> str:
        return call.form.get("ApiKey", "")

    @route("POST", "/xml.response")
    def command(self, call: Call) -> Reply:
        form = call.form
        if form["UserName"] != form["ApiUser"] or not form["ClientIp"]:
            raise RefusedError("permission")
        if form["Command"] == "namecheap.domains.getList":
            return self._get_list(form)
        zone = self.zone(f"{form['SLD']}.{form['TLD']}")
        if form["Command"] == "namecheap.domains.dns.getHosts":
            return self._get_hosts(zone)
        return self._set_hosts(zone, form)

    def _get_list(self, form: dict[str, str]) -> Reply:
        size = int(form.get("PageSize", 20))
        zones, _ = self.page(self.allowed_zones(), int(form.get("Page", 1)), size)
        domains = "".join(
            f'<Domain ID="{one.id}" Name="{one.name}"'
            f' IsOurDNS="{str(one.name not in self.elsewhere).lower()}" />'
            for one in zones
        )
        total = f"<TotalItems>{len(self.allowed_zones())}</TotalItems>"
        paging = f"<Paging>{total}<PageSize>{size}</PageSize></Paging>"
        return _ok(f"<DomainGetListResult>{domains}</DomainGetListResult>{paging}")

    def _get_hosts(self, zone: FakeZone) -> Reply:
        hosts = "".join(
            f'<host HostId="{one.id}" Name={quoteattr(one.name or "@")} Type="{one.type}"'
            f' Address={quoteattr(one.value)} MXPref="10" TTL="{one.ttl}" IsActive="true"'
            f' IsDDNSEnabled="{str("dynamic" in one.extra).lower()}" />'
            for one in zone.records
        )
        email = self.email_types.get(zone.name, "FWD")
        facts = f'Domain="{zone.name}"' + (f' EmailType="{email}"' if email else "")
        return _ok(f"<DomainDNSGetHostsResult {facts}>{hosts}</DomainDNSGetHostsResult>")

    def _set_hosts(self, zone: FakeZone, form: dict[str, str]) -> Reply:
        records, i = [], 1
        while f"HostName{i}" in form:
            name = form[f"HostName{i}"].replace("@", "")
            kind, value = form[f"RecordType{i}"], form[f"Address{i}"]
            if kind == "TXT" and '"' in value:
                raise RefusedError("invalid")
            records.append(Record(0, name, kind, value, int(form.get(f"TTL{i}", 1800))))
            i += 1
        self.replace_all(zone, records)
        if form.get("EmailType", "FWD") not in _EMAIL_TYPES:
            raise RefusedError("invalid")
        self.email_types[zone.name] = form.get("EmailType", "")
        return _ok(f'<DomainDNSSetHostsResult Domain="{zone.name}" IsSuccess="true" />')


def _ok(content: str) -> Reply:
    response = f"<Errors /><Warnings /><CommandResponse>{content}</CommandResponse>"
    return Reply(200, (_HEAD.format("OK", _SPACE, response) + _TAIL).encode())
