"""The provider for REG.RU's DNS: TXT records of a zone, read as a whole, known by their values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import msgspec

from zoneproof.core.errors import ProviderUnavailableError
from zoneproof.providers.api_client import ApiAnswer
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.contract import Alias, Limits, ProviderInfo, TxtRecord, Zone
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import StoredTxt, relative_name
from zoneproof.providers.refusals import NO_ZONE, NOT_ALLOWED, ErrorBody, Refusal, Refusals

_LOGIN = Refusal.wrong_key("it does not accept user name and password")
_SLOWER = Refusal.over_quota("too many requests in an hour")


class _Service(msgspec.Struct):
    dname: str = ""


class _Services(msgspec.Struct):
    services: list[_Service]


class _Listed(msgspec.Struct):
    answer: _Services


class _Record(msgspec.Struct):
    subname: str
    rectype: str
    content: str


class _Domain(msgspec.Struct):
    rrs: list[_Record]


class _Domains(msgspec.Struct):
    domains: list[_Domain]


class _Zone(msgspec.Struct):
    answer: _Domains


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

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the account's domains; they are known by name."""
        answer = await self._call("service/get_list", {"servtype": "domain"})
        return [(one.dname, "") for one in self.api.read(answer, _Listed).answer.services]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the domain's TXT records, which have no ids."""
        answer = await self._call("zone/get_resource_records", {}, zone)
        return [
            StoredTxt("", relative_name(one.subname, zone), one.content)
            for domain in self.api.read(answer, _Zone).answer.domains
            for one in domain.rrs
            if one.rectype == "TXT"
        ]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add one value."""
        new = {"subdomain": record.name or "@", "text": record.value}
        await self._call("zone/add_txt", new, zone, repeatable=False)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Remove one value."""
        old = {"subdomain": stored.name or "@", "record_type": "TXT", "content": stored.value}
        await self._call("zone/remove_record", old, zone)

    async def _call(
        self,
        function: str,
        given: Mapping[str, object],
        zone: Zone | None = None,
        *,
        repeatable: bool = True,
    ) -> ApiAnswer:
        domains: Mapping[str, object] = {"domains": [{"dname": zone.name.text}]} if zone else {}
        form = {
            "username": self.fields["user"],
            "password": self.fields["password"],
            "input_format": "json",
            "output_content_type": "plain",
            "input_data": msgspec.json.encode({**domains, **given}).decode(),
        }
        return await self.api.send("POST", function, form=form, repeatable=repeatable)
