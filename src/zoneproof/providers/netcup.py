"""The provider for netcup: JSON calls in a session, changes of single records of a zone."""

from __future__ import annotations

from typing import ClassVar

import msgspec

from zoneproof.core.errors import InvalidInputError, ProviderZoneError
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest, Body
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.fields import CredentialField
from zoneproof.providers.lists import RecordList, StoredTxt
from zoneproof.providers.refusals import SLOWER, ErrorBody, Refusal, Refusals

_NEW_KEY = 64  # characters of a key of the newer API; this API's keys have 50
_KEYS = "https://www.customercontrolpanel.de/daten_aendern.php?sprung=api"
_SESSION = 600.0  # seconds for which a session is used; they end some minutes later
_LOGIN = Refusal.wrong_key("it does not accept customer number, key or password")
_FAST = "More than 180 requests per minute"  # its code is for other things too
_ZONE = Refusal.no_zone(
    "it does not know the zone, or not for this customer",
    "zones in CloudDNS, as those of newer domains are, need the provider netcup-clouddns",
)


def _refuse_new_key(text: str) -> None:
    if len(text) == _NEW_KEY:
        raise InvalidInputError(
            "the key is one of the newer API, for zones in CloudDNS, which need the provider"
            " netcup-clouddns; for other zones make a legacy API key and an API password at"
            f" {_KEYS}"
        )


class _Session(msgspec.Struct):
    apisessionid: str


class _Login(msgspec.Struct):
    responsedata: _Session


class Netcup(RecordsProvider):
    """Reads a zone's records once for a batch; the session's id stands in each call."""

    info = ProviderInfo(
        slug="netcup",
        title="netcup",
        homepage="https://www.netcup.com",
        fields=(
            CredentialField("key", "legacy API key", secret=True, check=_refuse_new_key),
            CredentialField("customer", "customer number"),
            CredentialField("password", "API password", secret=True),
        ),
        key_url=_KEYS,
        api_url="https://ccp.netcup.net/run/webservice/servers/endpoint.php?JSON",
        default_ttl=300,
        limits=Limits(value_pattern=r"[ !#-&(-\[\]-~]*", has_ttl=False),
        notes="The API is that of the customer control panel (Master data, API), and its keys are"
        " the ones called legacy there. Zones in CloudDNS need `netcup-clouddns`: those of domains"
        " registered since the summer of 2026, and those that were moved. The TTL is that of the"
        " zone. Changes take up to a quarter of an hour to be seen. 180 requests are allowed in a"
        " minute.",
        least_privilege="A key may do everything with the customer's domains; delete keys that"
        " nothing uses.",
        name_servers=("*-dns.netcup.net",),
        aliases=(
            Alias(
                "certbot",
                "dns-netcup",
                {"customer_id": "customer", "api_key": "key", "api_password": "password"},
            ),
            Alias(
                "acme.sh",
                "dns_netcup",
                {"NC_CID": "customer", "NC_Apikey": "key", "NC_Apipw": "password"},
            ),
            Alias(
                "lego",
                "netcup",
                {
                    "NETCUP_CUSTOMER_NUMBER": "customer",
                    "NETCUP_API_KEY": "key",
                    "NETCUP_API_PASSWORD": "password",
                },
            ),
        ),
    )
    by_name = False
    errors = ErrorBody(
        codes=("statuscode",),
        messages=("longmessage", "shortmessage"),
        success=("status", "success"),
        phrases=(_FAST,),
    )
    refusals: ClassVar[Refusals] = {
        _FAST: SLOWER,
        "4001": Refusal.wrong_key("it does not accept its own session"),
        **dict.fromkeys(("5028", "5029", "5031"), _ZONE),
    }
    zone_list = None  # the API lists domains for resellers only
    record_list = RecordList(
        "",
        json={"action": "infoDnsRecords", "param": {"domainname": "{zone.name}"}},
        at="responsedata.dnsrecords",
        name="hostname",
        value="destination",
    )

    def __init__(self, context: ProviderContext) -> None:
        token = BearerToken(self._log_in, context.clock, apply=_with_session)
        super().__init__(context, token=token, pause=0.334)

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records of the zone."""
        try:
            return await super().list_records(zone, name)
        except ProviderZoneError:  # it is said of a zone without records, too
            call = {"action": "infoDnsZone", "param": {"domainname": zone.name.text}}
            await self.api.send("POST", json=call, repeatable=True)
            return []

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add one record."""
        await self._update(zone, "", record.name, record.value, gone=False)

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete one record."""
        await self._update(zone, stored.id, stored.name, stored.value, gone=True)

    async def _update(self, zone: Zone, key: str, name: str, value: str, *, gone: bool) -> None:
        record = {"id": key, "hostname": name or "@", "type": "TXT", "destination": value}
        changes = {"dnsrecords": [{**record, "priority": "0", "deleterecord": gone}]}
        parameters = {"domainname": zone.name.text, "dnsrecordset": changes}
        await self.api.send("POST", json={"action": "updateDnsRecords", "param": parameters})

    def sign(self, request: ApiRequest) -> ApiRequest:
        """Add the customer and the key to the parameters."""
        call = request.json
        call["param"] |= {"customernumber": self.fields["customer"], "apikey": self.fields["key"]}
        return request.with_body(Body.json(call))

    async def _log_in(self) -> tuple[str, float]:
        login = {
            "customernumber": self.fields["customer"],
            "apikey": self.fields["key"],
            "apipassword": self.fields["password"],
        }
        answer = await self.api.send(
            "POST",
            json={"action": "login", "param": login},
            plain=True,
            also={"4013": _LOGIN},
        )
        return self.api.read(answer, _Login).responsedata.apisessionid, _SESSION


def _with_session(request: ApiRequest, session: str) -> ApiRequest:
    call = request.json
    call["param"]["apisessionid"] = session
    return request.with_body(Body.json(call))
