"""The provider for REG.RU's DNS: TXT records of a zone, read as a whole, known by their values."""

from __future__ import annotations

from typing import ClassVar

from zoneproof.core.errors import ProviderUnavailableError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, Zone
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import NO_ZONE, NOT_ALLOWED, ErrorBody, Refusal, Refusals

_LOGIN = Refusal.wrong_key("it does not accept user name and password")
_SLOWER = Refusal.over_quota("too many requests in an hour")


class RegRu(RecordsProvider):
    """Adds and removes single TXT values; the TTL is that of the zone."""

    info = ProviderInfo(
        slug="regru",
        title="REG.RU",
        homepage="https://www.reg.ru/reseller/api2doc",
        fields=(
            CredentialField("user", "user name, which is the e-mail address of the account"),
            CredentialField("password", "password for the API", secret=True),
        ),
        key_url="https://www.reg.ru/user/account/#/settings/api/",
        api_url="https://api.reg.ru/api/regru2",
        limits=Limits(value_pattern="[A-Za-z0-9_.:=+/-]{1,255}", has_ttl=False),
        notes="Only domains at the name servers ns1.reg.ru and ns2.reg.ru can be changed, not those"
        " of its hosting. It takes 1,200 requests in an hour from an account and from an address."
        " TTLs are those of the zone, a day at first: shorten that in the control panel. Made from"
        " the API reference and clients of 2026, without recorded exchanges.",
        least_privilege="A password of its own for the API, and the API limited to the address of"
        " this machine (API settings); it may do everything with the account.",
        name_servers=("ns?.reg.ru",),
        aliases=(
            Alias(
                "acme.sh",
                "dns_regru",
                {"REGRU_API_Username": "user", "REGRU_API_Password": "password"},
            ),
            Alias(
                "lego",
                "regru",
                {"REGRU_USERNAME": "user", "REGRU_PASSWORD": "password"},
                left_out=("REGRU_TLS_CERT", "REGRU_TLS_KEY"),
            ),
        ),
    )
    by_name = False
    errors = ErrorBody(
        codes=("answer.domains.0.error_code", "error_code"),
        messages=("answer.domains.0.error_text", "error_text"),
        success=("answer.domains.0.result|result", "success"),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(
            ("NO_AUTH", "NO_USERNAME", "PASSWORD_AUTH_FAILED", "USER_AUTHENTICATION_FAILED"), _LOGIN
        ),
        **dict.fromkeys(("ACCESS_DENIED", "ACCOUNT_BLOCKED", "RESELLER_AUTH_FAILED"), NOT_ALLOWED),
        "ACCESS_DENIED_FROM_IP": Refusal.not_allowed(
            "it does not accept this machine's address", "allow the address in the API settings"
        ),
        **dict.fromkeys(("DOMAIN_NOT_FOUND", "INVALID_DOMAIN_NAME_FORMAT", "NO_DOMAIN"), NO_ZONE),
        "DOMAIN_IS_NOT_USE_REGRU_NSS": Refusal.no_zone(
            "the domain is not at the name servers that the API can change"
        ),
        **dict.fromkeys(
            ("ACCOUNT_EXCEEDED_ALLOWED_CONNECTION_RATE", "IP_EXCEEDED_ALLOWED_CONNECTION_RATE"),
            _SLOWER,
        ),
        "SERVICE_UNAVAILABLE": Refusal(ProviderUnavailableError, "it is busy", again=True),
    }
    zone_list = ZoneList(
        "service/get_list",
        json={"servtype": "domain"},
        at="answer.services",
        name="dname",
        optional=("dname",),
    )
    record_list = RecordList(
        "zone/get_resource_records",
        json={"domains": [{"dname": "{zone.name}"}]},
        at="answer.domains.0.rrs",
        id="",
        name="subname",
        value="content",
        only={"rectype": "TXT"},
        changes="zone/add_txt",
        new={
            "domains": [{"dname": "{zone.name}"}],
            "subdomain": "{host}",
            "text": "{value}",
        },
    )

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Remove one value."""
        old = {"subdomain": stored.name or "@", "record_type": "TXT", "content": stored.value}
        call = {"domains": [{"dname": zone.name.text}], **old}
        await self.api.send("POST", "zone/remove_record", json=call, repeatable=True)

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Put the JSON into a form, with user name and password."""
        form = {
            "username": self.fields["user"],
            "password": self.fields["password"],
            "input_format": "json",
            "output_content_type": "plain",
            "input_data": request.content.decode(),
        }
        return request.with_body(Body.form(form))
