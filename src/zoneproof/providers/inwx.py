"""The provider for INWX: JSON-RPC in a session, records one by one."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderCredentialsError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.paging import Numbered
from zoneproof.providers.refusals import ALREADY, NOT_ALLOWED, ErrorBody, Refusal, Refusals
from zoneproof.providers.signatures import one_time_code

_SESSION = 900.0  # seconds for which a session is used; its length is not documented
_LOGIN = Refusal.wrong_key(
    "it does not accept user, password or the code of the authenticator",
    "a code works once: after a failure wait half a minute",
)

_AT = {"domain": "{zone.name}", "type": "TXT", "name": "{whole}"}
_LOGIN_ONLY: Refusals = {"2400": _LOGIN}


class _Session(msgspec.Struct):
    tfa: str = ""


class _Answer(msgspec.Struct):
    res_data: _Session = msgspec.field(name="resData")


class Inwx(RecordsProvider):
    """Logs in once, with a code of the authenticator if the account has one."""

    info = ProviderInfo(
        slug="inwx",
        title="INWX",
        homepage="https://www.inwx.com",
        fields=(
            CredentialField("user", "name of the account or of a sub-account"),
            CredentialField("password", "its password", secret=True),
            CredentialField(
                "shared_secret",
                "secret of the authenticator (mobile TAN), if the account has one",
                secret=True,
                default="",
            ),
        ),
        key_url="https://www.inwx.de/en/account",
        api_url="https://api.domrobot.com/jsonrpc",
        limits=Limits(min_ttl=300, value_pattern="[^`]*[^` ]"),
        notes="The test system is at `https://api.ote.domrobot.com/jsonrpc`. Sources: recorded"
        " exchanges of 2018, clients of 2025 and 2026.",
        least_privilege="A sub-account that may use the name servers only. Beside the password, the"
        " secret of an authenticator would be stored too, so one without is as good.",
        name_servers=("ns.inwx.de", "ns?.inwx.*", "ns.domrobot.*"),
        aliases=(
            Alias(
                "acme.sh",
                "dns_inwx",
                {
                    "INWX_User": "user",
                    "INWX_Password": "password",
                    "INWX_Shared_Secret": "shared_secret",
                },
            ),
            Alias(
                "certbot",
                "dns-inwx",
                {
                    "username": "user",
                    "password": "password",
                    "shared_secret": "shared_secret",
                },
            ),
            Alias(
                "lego",
                "inwx",
                {
                    "INWX_USERNAME": "user",
                    "INWX_PASSWORD": "password",
                    "INWX_SHARED_SECRET": "shared_secret",
                },
                choices={
                    "INWX_SANDBOX": {
                        "true": "api_url=https://api.ote.domrobot.com/jsonrpc",
                        "false": "",
                    }
                },
            ),
        ),
    )
    errors = ErrorBody(
        codes=("reasonCode", "code"), messages=("reason", "msg"), success=("code", 1000)
    )
    refusals: ClassVar[Refusals] = {
        "2200": _LOGIN,
        "2201": NOT_ALLOWED,
        "2302": ALREADY,
        "2303": Refusal.no_zone("it does not know the zone, or not for this account"),
        "2502": Refusal.over_quota("too many sessions are open"),
    }
    zone_list = ZoneList(
        "/",
        json={"method": "nameserver.list", "params": {"page": 1}},
        at="resData.domains",
        paging=Numbered(word="params.page", total="resData.count"),
        name="domain",
    )
    record_list = RecordList(
        "/",
        json={"method": "nameserver.info", "params": _AT},
        at="resData.record",
        absent_if_empty=True,
        only={},
        new={
            "method": "nameserver.createRecord",
            "params": {**_AT, "content": "{value}", "ttl": "{ttl}"},
        },
    )

    def __init__(self, context: ProviderContext) -> None:
        token = BearerToken(self._log_in, context.clock, apply=_with_cookie)
        super().__init__(context, token=token)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record."""
        call = {"method": "nameserver.deleteRecord", "params": {"id": stored.number}}
        await self.api.send("POST", "/", json=call)

    async def _log_in(self) -> tuple[str, float]:
        login = {"user": self.fields["user"], "pass": self.fields["password"]}
        call: dict[str, object] = {"method": "account.login", "params": login}
        answer = await self.api.send("POST", "/", json=call, plain=True, also=_LOGIN_ONLY)
        cookie = answer.headers.get("Set-Cookie", "").partition(";")[0]
        if self.api.read(answer, _Answer).res_data.tfa == "GOOGLE-AUTH":
            if not self.fields["shared_secret"]:
                raise ProviderCredentialsError(
                    "the account has a second factor (mobile TAN): set the field shared_secret"
                )
            code = one_time_code(self.fields["shared_secret"], self.now())
            call = {"method": "account.unlock", "params": {"tan": code}}
            headers = {"Cookie": cookie}
            await self.api.send(
                "POST", "/", json=call, plain=True, headers=headers, also=_LOGIN_ONLY
            )
        return cookie, _SESSION


def _with_cookie(request: ApiRequest, cookie: str) -> ApiRequest:
    return request.with_headers({"Cookie": cookie})
