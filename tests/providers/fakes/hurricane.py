"""Hurricane Electric's web pages for zones and records.

Made from the pages that dns-lexicon recorded (September 2018: the list of zones, rows of records,
dns_status, dns_err) and from acme.sh, Posh-ACME and dnscontrol (2026), which send the same forms;
that user and password can stand in each form is as acme.sh does it, so that the session and the
cookie of the recorded exchanges are not needed. dnscontrol sends TXT in quotes, as the pages show
it, and the others bare; here it must be in quotes. What is said of a record that is not accepted or
not there, and of a zone that is not the account's, is in none of them: the first two are made up.
"""

from __future__ import annotations

from html import escape

from tests.support.fake_api import Call, FakeApi, FakeZone, Record, RefusedError, route
from tests.support.fake_http import Reply
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_MENU = (
    '<div class="sidebar"><a id="_tlogout" href="/?action=logout" class="heavy">Logout</a></div>'
)
_NOT_DELEGATED = "This zone does not appear to be properly delegated to our nameservers."


def _error(text: str, menu: str = _MENU) -> Reply:
    error = f'<div id="dns_err" onclick="hideThis(this);">{text}</div>'
    return Reply(200, f"<html>{menu}{error}</html>".encode())


class FakeHurricane(FakeApi):
    sources = "recorded pages (2018), clients (2026)"
    recorded = "agree, but for the session: user and password stand in each form"
    min_ttl = 300
    refusals = {
        "credentials": _error("Incorrect", ""),
        "invalid": _error("Bad record."),
        "record": _error("No such record."),
    }
    impossible = {
        "permission": "whoever can log in may change everything",
        "zone": "ids are those of the list; what a page of another one says is not known",
        "quota": "no limit of records is known",
    }

    def key_of(self, call: Call) -> str:
        return call.form.get("pass", "") if call.form.get("email") else ""

    @route("POST", "/")
    def form(self, call: Call) -> Reply:
        form = call.form
        if "menu" not in form:
            return self._page("".join(map(_zone_row, self.allowed_zones())))
        zone, status = self.zone(form["hosted_dns_zoneid"], by_id=True), ""
        if form.get("hosted_dns_editrecord") == "Submit":
            name, kind = form["Name"].removesuffix(zone.name).removesuffix("."), form["Type"]
            if not form["Content"].startswith('"'):
                raise RefusedError("invalid")
            self.create(zone, name, kind, unquote_txt(form["Content"]), int(form["TTL"]))
            status = f"Successfully added new record to {zone.name}"
        elif form.get("hosted_dns_delrecord") and form["hosted_dns_delconfirm"] == "delete":
            self.delete(zone, form["hosted_dns_recordid"])
            status = "Successfully removed record."
        rows = "".join(_record_row(one, zone.id, zone.name) for one in zone.records)
        done = f'<div id="dns_status" onClick="hideThis(this);">{status}</div>' if status else ""
        error = f'<div id="dns_err" onclick="hideThis(this);">{_NOT_DELEGATED}</div>'
        return self._page(f'{done}{error}<div id="dns_main_content"><table>{rows}</table></div>')

    def _page(self, content: str) -> Reply:
        return Reply(200, f"<!DOCTYPE html>\n<html><br>{_MENU}{content}</html>".encode())


def _zone_row(zone: FakeZone) -> str:
    edit = f"document.location.href=?hosted_dns_zoneid={zone.id}&menu=edit_zone&hosted_dns_editzone"
    return (
        f'<tr><td><img alt="edit" name="{zone.name}" onclick="{edit}" /></td>'
        f'<td><span>{zone.name}</span></td><td><img alt="delete" onclick="delete_dom(this);"'
        f' name="{zone.name}" value="{zone.id}" /></td></tr>'
    )


def _record_row(one: Record, zone_id: str, zone: str) -> str:
    name = f"{one.name}.{zone}".lstrip(".")
    text = escape(quote_txt(one.value) if one.type == "TXT" else one.value)
    return (
        f'<tr class="dns_tr" id="{one.id}" onclick="editRow(this)">'
        f'\n<td class="hidden">{zone_id}</td>\n<td class="hidden">{one.id}</td>'
        f'\n<td width="95%" class="dns_view">{name}</td>\n<td align="center" ><span'
        f' class="rrlabel {one.type}" data="{one.type}" alt="{one.type}" >{one.type}</span></td>'
        f'\n<td align="left">{one.ttl}</td>\n<td align="center">-</td>\n<td align="left"'
        f' data="{text}" title="Click to view entire contents." >{text}</td>'
        f'\n<td class="hidden">0</td></tr>'
    )
