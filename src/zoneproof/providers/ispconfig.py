"""The provider for ISPConfig: the remote API of the panel, in JSON, with a session."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Generic, TypeVar

import msgspec

from zoneproof.core.errors import ProviderZoneError
from zoneproof.core.names import DomainName
from zoneproof.providers.api_client import ApiAnswer
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
from zoneproof.providers.fields import CA_BUNDLE, CredentialField, server_field
from zoneproof.providers.lists import StoredTxt, relative_name
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals

_T = TypeVar("_T")

_SESSION = 1800.0  # seconds after the login
_LOGIN = "login failed"
_EXPIRED = "session is expired"
_DENIED = "do not have the permissions"
_ADDRESS = "is not allowed"


class _Zone(msgspec.Struct):
    id: int | str
    server_id: int | str
    origin: str


class _Record(msgspec.Struct):
    id: int | str
    name: str
    data: str


class _Answer(msgspec.Struct, Generic[_T]):
    response: _T


class IspConfig(RecordsProvider):
    """Adds and deletes TXT records of a zone, whose TXT records are listed as a whole.

    Names are stored as people typed them, relative or whole.
    """

    info = ProviderInfo(
        slug="ispconfig",
        title="ISPConfig",
        homepage="https://www.ispconfig.org",
        fields=(
            server_field("https://panel.example.org:8080/remote/json.php"),
            CredentialField("user", "name of a remote user"),
            CredentialField("password", "that user's password", secret=True),
            CA_BUNDLE,
        ),
        key_url="https://git.ispconfig.org/ispconfig/ispconfig3/-/tree/develop/remoting_client/API-docs",
        limits=Limits(value_bytes=255, value_pattern=r"[ !#-\[\]-~]+", min_ttl=60),
        notes="The server writes its zone files once in a minute, so values are seen a minute"
        " later. Quotes and backslashes are refused, because the panel writes values into the zone"
        " file as they are. Limits were read from the panel's source of 2019, calls also from"
        " clients of 2025 and 2026.",
        least_privilege="A remote user (System, Remote Users) with the functions for DNS zones and"
        " DNS TXT records only, and this machine's address as its only one.",
        aliases=(
            Alias(
                "acme.sh",
                "dns_ispconfig",
                {"ISPC_Api": "server", "ISPC_User": "user", "ISPC_Password": "password"},
            ),
            Alias(
                "lego",
                "ispconfig",
                {
                    "ISPCONFIG_SERVER_URL": "server",
                    "ISPCONFIG_USERNAME": "user",
                    "ISPCONFIG_PASSWORD": "password",
                },
                choices={"ISPCONFIG_INSECURE_SKIP_VERIFY": {"false": ""}},
            ),
            Alias(
                "certbot",
                "dns-ispconfig",
                {"endpoint": "server", "username": "user", "password": "password"},
            ),
        ),
    )
    errors = ErrorBody(
        messages=("message",),
        success=("code", "ok"),
        phrases=(_LOGIN, _EXPIRED, _DENIED, _ADDRESS),
    )
    refusals: ClassVar[Refusals] = {
        _LOGIN: Refusal.wrong_key("it does not accept user and password"),
        _EXPIRED: Refusal.wrong_key("the session has ended"),
        _DENIED: Refusal.not_allowed(
            "the remote user may not do this",
            "allow the functions for DNS zones and DNS TXT records",
        ),
        _ADDRESS: Refusal.not_allowed("it does not accept this machine's address"),
    }
    by_name = False

    def __init__(self, context: ProviderContext) -> None:
        token = BearerToken(self._login, context.clock, apply=_with_session)
        super().__init__(context, token=token)
        self._found: dict[DomainName, _Zone] = {}

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the active zones; they are known by name."""
        answer = await self._call("dns_zone_get", {"primary_id": {"active": "Y"}}, reads=True)
        found = self.api.read(answer, _Answer[list[_Zone]]).response
        return [(zone.origin, "") for zone in found]

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the zone's TXT records."""
        place = {"zone": str((await self._find(zone)).id), "type": "TXT"}
        answer = await self._call("dns_txt_get", {"primary_id": place}, reads=True)
        found = self.api.read(answer, _Answer[list[_Record]]).response
        return [StoredTxt(str(one.id), relative_name(one.name, zone), one.data) for one in found]

    async def create_record(self, zone: Zone, record: TxtRecord) -> None:
        """Add the record with its whole name."""
        place = await self._find(zone)
        new = {
            "server_id": str(place.server_id),
            "zone": str(place.id),
            "name": f"{zone.record(record.name)}.",
            "type": "TXT",
            "data": record.value,
            "aux": "0",
            "ttl": str(record.ttl),
            "active": "Y",
            "stamp": f"{self.now():%Y-%m-%d %H:%M:%S}",
        }
        await self._call("dns_txt_add", {"client_id": 0, "params": new, "update_serial": True})

    async def delete_record(self, zone: Zone, stored: StoredTxt) -> None:
        """Delete the record by its id; one that is gone is no error there."""
        await self._call("dns_txt_delete", {"primary_id": stored.id, "update_serial": True})

    async def _find(self, zone: Zone) -> _Zone:
        if zone.name not in self._found:
            query = {"primary_id": {"origin": f"{zone.name}."}}
            answer = await self._call("dns_zone_get", query, reads=True)
            found = self.api.read(answer, _Answer[list[_Zone]]).response
            if len(found) != 1:
                raise ProviderZoneError(
                    "it has the zone more than once" if found else "it does not have the zone",
                    changed_nothing=True,
                )
            self._found[zone.name] = found[0]
        return self._found[zone.name]

    async def _login(self) -> tuple[str, float]:
        login = {"username": self.fields["user"], "password": self.fields["password"]}
        answer = await self._call("login", {**login, "client_login": False}, reads=True)
        return self.api.read(answer, _Answer[str]).response, _SESSION

    async def _call(
        self, name: str, what: Mapping[str, object], *, reads: bool = False
    ) -> ApiAnswer:
        return await self.api.send(
            "POST", query={name: ""}, json=what, repeatable=reads, plain=name == "login"
        )


def _with_session(request: ApiRequest, session: str) -> ApiRequest:
    return request.with_body(Body.json({**request.json, "session_id": session}))
