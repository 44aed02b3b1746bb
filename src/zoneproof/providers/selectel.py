"""The provider for Selectel: version 2 of its DNS API, with tokens of its OpenStack Keystone."""

from __future__ import annotations

import re
from datetime import datetime
from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderError
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.fields import ZONE_ID, CredentialField, url_field
from zoneproof.providers.lists import ZoneList, relative_name
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_PAGES = NextWord("limit", 1000, at="next_offset", word="offset")
_PROJECT_ID = re.compile(r"[0-9a-f]{32}")


class _Record(msgspec.Struct):
    content: str
    disabled: bool = False


class _RRset(msgspec.Struct):
    id: str
    name: str
    type: str
    ttl: int
    records: list[_Record]


class _Mark(msgspec.Struct):
    id: str = ""
    disabled: list[_Record] = []


class _Token(msgspec.Struct):
    expires_at: datetime


class _Login(msgspec.Struct):
    token: _Token


class Selectel(SetsProvider):
    """Makes a set by POST, replaces it by PATCH. Names are in Unicode there.

    Records that are disabled stay, and are no values.
    """

    info = ProviderInfo(
        slug="selectel",
        title="Selectel",
        homepage="https://docs.selectel.com/cloud-services/dns-hosting/dns_hosting/",
        fields=(
            CredentialField("user", "name of a service user"),
            CredentialField("password", "that user's password", secret=True),
            CredentialField("account", "number of the account"),
            CredentialField("project", "name or id of the project of the zones"),
            ZONE_ID,
            url_field(
                "auth_url",
                "where tokens are made; another one for a proxy or a test",
                "https://cloud.api.selcloud.ru/identity/v3",
            ),
        ),
        key_url="https://docs.selectel.ru/control-panel-actions/users-and-roles/add-user/",
        api_url="https://api.selectel.ru/domains/v2",
        limits=Limits(min_ttl=60),
        notes="Zones of the old DNS hosting, which has static tokens, are changed with"
        " `selectel-v1`, or moved to the current one.",
        least_privilege="A service user with access to one project that has nothing but the zones.",
        name_servers=("*.ns.selectel.ru",),
        aliases=(
            Alias(
                "acme.sh",
                "dns_selectel",
                {
                    "SL_Login_Name": "user",
                    "SL_Pswd": "password",
                    "SL_Login_ID": "account",
                    "SL_Project_Name": "project",
                },
            ),
            Alias(
                "certbot",
                "dns-selectel-api-v2",
                {
                    "username": "user",
                    "password": "password",
                    "account_id": "account",
                    "project_name": "project",
                },
            ),
            Alias(
                "lego",
                "selectelv2",
                {
                    "SELECTELV2_USERNAME": "user",
                    "SELECTELV2_PASSWORD": "password",
                    "SELECTELV2_ACCOUNT_ID": "account",
                    "SELECTELV2_PROJECT_ID": "project",
                    "SELECTELV2_BASE_URL": "api_url",
                    "SELECTELV2_AUTH_URL": "auth_url",
                },
            ),
        ),
    )
    marked = True
    errors = ErrorBody(messages=("description", "error", "error.message", "message"))
    refusals: ClassVar[Refusals] = {
        401: Refusal.wrong_key(
            "it does not accept user and password",
            "check the account, and that it is a service user of the project",
        ),
        409: Refusal.conflict("the set was made in the meantime"),
    }
    zone_list = ZoneList("zones", at="result", id="id", paging=_PAGES, without={"disabled": True})

    def __init__(self, context: ProviderContext) -> None:
        token = BearerToken(self._login, context.clock, apply=_with_token)
        super().__init__(context, token=token)

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the set at the name; the mark is its id, and what it has besides values."""
        whole = zone.record(name).text.encode().decode("idna")
        query, path = {"name": whole, "rrset_types": "TXT"}, f"zones/{zone.id}/rrset"
        for one in await self.api.items(path, _RRset, at="result", query=query, paging=_PAGES):
            if one.type == "TXT" and relative_name(_a_labels(one.name), zone) == name:
                values = tuple(unquote_txt(r.content) for r in one.records if not r.disabled)
                disabled = [record for record in one.records if record.disabled]
                return TxtSet(
                    values, one.ttl, msgspec.json.encode(_Mark(one.id, disabled)).decode()
                )
        return TxtSet()

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Make, replace or delete the set."""
        path, new = f"zones/{zone.id}/rrset", change.new
        old = msgspec.json.decode(change.old.version or "{}", type=_Mark)
        records = [*(_Record(quote_txt(value)) for value in new.values), *old.disabled]
        what = {"ttl": new.ttl, "records": records}
        if not old.id:
            name = f"{zone.record(change.name)}.".encode().decode("idna")
            await self.api.send("POST", path, json={"name": name, "type": "TXT", **what})
        elif records:
            await self.api.send("PATCH", f"{path}/{old.id}", json=what)
        else:
            await self.api.delete(f"{path}/{old.id}")

    async def _login(self) -> tuple[str, float]:
        fields = self.fields
        domain = {"name": fields["account"]}
        user = {"name": fields["user"], "domain": domain, "password": fields["password"]}
        project: dict[str, object] = {"name": fields["project"], "domain": domain}
        if _PROJECT_ID.fullmatch(fields["project"]):
            project = {"id": fields["project"]}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = await self.api.send(
            "POST",
            f"{fields['auth_url'].rstrip('/')}/auth/tokens",
            json={"auth": {"identity": identity, "scope": {"project": project}}},
            plain=True,
            repeatable=True,
        )
        until = self.api.read(answer, _Login).token.expires_at
        token = answer.headers.get("X-Subject-Token", "")
        if not token:
            raise ProviderError("the login's answer has no token", changed_nothing=True)
        return token, (until - self.now()).total_seconds()


def _with_token(request: ApiRequest, token: str) -> ApiRequest:
    return request.with_headers({"X-Auth-Token": token})


def _a_labels(name: str) -> str:
    return name if name.isascii() else name.encode("idna").decode()
