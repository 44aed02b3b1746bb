"""The provider for Hurricane Electric's free DNS, which has web forms and no API."""

from __future__ import annotations

import re
from html import unescape
from typing import ClassVar

from zoneproof.core.errors import ProviderError, ProviderZoneError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import ZONE_ID, CredentialField
from zoneproof.providers.lists import StoredTxt, relative_name
from zoneproof.providers.refusals import ErrorBody, Problem, Refusal, Refusals
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_ZONE = re.compile(r'onclick="delete_dom\(this\);" name="([^"]+)" value="([^"]+)"')
_ROW = re.compile(r'<tr class="dns_tr[^"]*" id="(\d+)".*?</tr>', re.DOTALL)
_NAME = re.compile(r'class="dns_view[^"]*">([^<]*)<')
_TXT = re.compile(r'"rrlabel TXT".*?<td[^>]* data="([^"]*)"', re.DOTALL)
_STATUS = re.compile(r'<div id="dns_status"[^>]*>\s*Successfully')
_ERROR = re.compile(r'<div id="dns_err"[^>]*>(.*?)</div>', re.DOTALL)
_NO_ERROR = "does not appear to be properly delegated"  # stands on pages of zones from elsewhere
_LOGOUT, _TOKEN_FORM, _RECORDS = 'id="_tlogout"', 'id="tfacode"', 'id="dns_main_content"'


class _Pages(ErrorBody):
    """Reads what a page says is wrong; a page that is not for those who are logged in is."""

    def read(self, status: int, body: bytes) -> Problem | None:
        page = body.decode("utf-8", "replace")
        errors = [text for text in _ERROR.findall(page) if _NO_ERROR not in text]
        if errors:
            return Problem(unescape(errors[0]).strip())
        if _TOKEN_FORM in page:
            return Problem("a token of an authenticator is needed", (_TOKEN_FORM,))
        return None if status >= 400 or _LOGOUT in page else Problem("")


class Hurricane(RecordsProvider):
    """Sends user and password with each form, as the login page does; no session is kept."""

    info = ProviderInfo(
        slug="hurricane",
        title="Hurricane Electric",
        homepage="https://dns.he.net",
        fields=(
            CredentialField("user", "name of the account"),
            CredentialField("password", "its password", secret=True),
            ZONE_ID,
        ),
        key_url="https://dns.he.net",
        api_url="https://dns.he.net",
        limits=Limits(min_ttl=300, value_pattern="[ -~]*"),
        notes="There is no API: the pages of the web site are read, which break when it changes. An"
        " account with a second factor cannot log in. With the key of a single dynamic TXT record,"
        " use `hurricane-dyn`. Sources: recorded pages of 2018, clients of 2026.",
        least_privilege="The password may do everything with the account. The key of a dynamic TXT"
        " record (`hurricane-dyn`) may change that record only.",
        name_servers=("ns?.he.net",),
        aliases=(Alias("acme.sh", "dns_he", {"HE_Username": "user", "HE_Password": "password"}),),
    )
    errors = _Pages()
    by_name = False
    refusals: ClassVar[Refusals] = {
        "Incorrect": Refusal.wrong_key("it does not accept user and password"),
        _TOKEN_FORM: Refusal.wrong_key(
            "the account has a second factor",
            "use the key of a dynamic TXT record, with the provider hurricane-dyn",
        ),
    }

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return name and id of the zones that the account's page has."""
        return _ZONE.findall(await self._send({}, repeatable=True))

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records of the zone's page."""
        page = await self._send({**_zone(zone), "hosted_dns_editzone": ""}, repeatable=True)
        if _RECORDS not in page:
            raise ProviderZoneError("it does not show the zone: it may be in another account")
        stored = []
        for row in _ROW.finditer(page):
            if (txt := _TXT.search(row[0])) and (owner := _NAME.search(row[0])):
                value = unquote_txt(unescape(txt[1]))
                stored.append(StoredTxt(row[1], relative_name(owner[1].strip(), zone), value))
        return stored

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Fill in the form for a new record."""
        form = {
            **_zone(zone),
            "account": "",
            "hosted_dns_recordid": "",
            "hosted_dns_editzone": "1",
            "hosted_dns_editrecord": "Submit",
            "Type": "TXT",
            "Priority": "",
            "Name": zone.record(record.name).text,
            "Content": quote_txt(record.value),
            "TTL": str(record.ttl),
        }
        await self._change(form)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Confirm the form for deleting a record."""
        form = {
            **_zone(zone),
            "hosted_dns_recordid": stored.id,
            "hosted_dns_editzone": "1",
            "hosted_dns_delrecord": "1",
            "hosted_dns_delconfirm": "delete",
        }
        await self._change(form)

    async def _change(self, form: dict[str, str]) -> None:
        page = await self._send(form, repeatable=False)
        if not _STATUS.search(page):
            raise ProviderError("it does not say that it did what was asked")

    async def _send(self, form: dict[str, str], *, repeatable: bool) -> str:
        login = {"email": self.fields["user"], "pass": self.fields["password"]}
        answer = await self.api.send("POST", "/", form={**login, **form}, repeatable=repeatable)
        return answer.body.decode("utf-8", "replace")


def _zone(zone: Zone) -> dict[str, str]:
    return {"menu": "edit_zone", "hosted_dns_zoneid": zone.id}
