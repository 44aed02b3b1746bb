"""The provider for OVHcloud: records one by one, and a zone that is published when asked."""

from __future__ import annotations

import hashlib
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import msgspec

from zoneproof.core.aio import all_at_once
from zoneproof.core.errors import (
    InvalidInputError,
    ProviderError,
    ProviderPermissionError,
)
from zoneproof.providers.api_provider import RecordsProvider
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import (
    Alias,
    Limits,
    ProviderContext,
    ProviderInfo,
    TxtRecord,
    Zone,
)
from zoneproof.providers.expiring_key import ExpiringKey, not_told
from zoneproof.providers.fields import CredentialField, token_field, url_field
from zoneproof.providers.lists import RecordList, StoredTxt, ZoneList
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.txt_text import unquote_txt

_ENDPOINTS = {  # the API, and where OAuth 2 clients sign in
    "ovh-eu": ("https://eu.api.ovh.com/1.0", "https://www.ovh.com"),
    "ovh-ca": ("https://ca.api.ovh.com/1.0", "https://ca.ovh.com"),
    "ovh-us": ("https://api.us.ovhcloud.com/1.0", "https://us.ovhcloud.com"),
    "kimsufi-eu": ("https://eu.api.kimsufi.com/1.0", ""),
    "kimsufi-ca": ("https://ca.api.kimsufi.com/1.0", ""),
    "soyoustart-eu": ("https://eu.api.soyoustart.com/1.0", ""),
    "soyoustart-ca": ("https://ca.api.soyoustart.com/1.0", ""),
}
_OLD = ("application_key", "application_secret", "consumer_key")
_NEW = ("client_id", "client_secret")
_LIST_BELOW = ZoneList("domain/zone/", name="")
_KEY = Refusal.wrong_key(
    "it does not accept the keys",
    "check them, that the consumer key is validated, the endpoint, and this machine's clock",
)


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int


class _Credential(msgspec.Struct):
    expiration: str | None = None


class _Record(msgspec.Struct, rename="camel"):
    id: int
    sub_domain: str | None
    target: str


class Ovh(ExpiringKey, RecordsProvider):
    """Adds and deletes TXT records; name servers get them when the zone is refreshed."""

    info = ProviderInfo(
        slug="ovh",
        title="OVHcloud",
        homepage="https://www.ovhcloud.com",
        fields=(
            CredentialField(
                "endpoint", "where the account is", default="ovh-eu", choices=tuple(_ENDPOINTS)
            ),
            token_field("application_key", "application key", secret=False, default=""),
            token_field(
                "application_secret",
                "application secret",
                default="",
                needed_with="application_key",
            ),
            token_field("consumer_key", "consumer key", default="", needed_with="application_key"),
            token_field(
                "client_id", "OAuth 2 client, instead of the three keys", secret=False, default=""
            ),
            token_field(
                "client_secret", "secret of the OAuth 2 client", default="", needed_with="client_id"
            ),
            url_field("api_url", "where the API is; the endpoint's if empty"),
            url_field("login_url", "where the OAuth 2 client signs in; the endpoint's if empty"),
        ),
        key_url="https://www.ovh.com/auth/api/createToken",
        key_expiry="if it is a consumer key that may `GET /auth/currentCredential`",
        limits=Limits(min_ttl=60),
        notes="Give either application key, application secret and consumer key, or an OAuth 2"
        " client (not at Kimsufi and So you Start). The recorded exchanges are from 2018, the"
        " clients that agree from 2025 and 2026.",
        least_privilege="A consumer key with the rules `GET /domain/zone` (without it zones are"
        " found in the DNS), `GET /domain/zone/ZONE/record`, `GET /domain/zone/ZONE/record/*`,"
        " `POST /domain/zone/ZONE/record`, `DELETE /domain/zone/ZONE/record/*` and"
        " `POST /domain/zone/ZONE/refresh`; or an OAuth 2 client with a policy for the zone with"
        " `dnsZone:apiovh:get`, `record/get`, `record/create`, `record/delete` and `refresh`.",
        name_servers=("dns*.ovh.net", "ns*.ovh.net", "dns*.ovh.ca", "ns*.ovh.ca", "*.anycast.me"),
        aliases=(
            Alias(
                "certbot",
                "dns-ovh",
                {
                    "endpoint": "endpoint",
                    "application_key": "application_key",
                    "application_secret": "application_secret",
                    "consumer_key": "consumer_key",
                },
            ),
            Alias(
                "acme.sh",
                "dns_ovh",
                {
                    "OVH_END_POINT": "endpoint",
                    "OVH_AK": "application_key",
                    "OVH_AS": "application_secret",
                    "OVH_CK": "consumer_key",
                },
            ),
            Alias(
                "lego",
                "ovh",
                {
                    "OVH_ENDPOINT": "endpoint",
                    "OVH_APPLICATION_KEY": "application_key",
                    "OVH_APPLICATION_SECRET": "application_secret",
                    "OVH_CONSUMER_KEY": "consumer_key",
                    "OVH_CLIENT_ID": "client_id",
                    "OVH_CLIENT_SECRET": "client_secret",
                },
                left_out=("OVH_ACCESS_TOKEN",),
            ),
        ),
    )
    keys_of_zones = True
    errors = ErrorBody(codes=("errorCode", "error"), messages=("message", "error_description"))
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(
            (
                "INVALID_CREDENTIAL",
                "INVALID_KEY",
                "INVALID_SIGNATURE",
                "NOT_CREDENTIAL",
                "invalid_client",
                "This application key is invalid",
                "This credential does not exist",
                "Invalid signature",
            ),
            _KEY,
        ),
        "NOT_GRANTED_CALL": Refusal.not_allowed(
            "the key has no rule for this call", "make one with the rules of the provider's page"
        ),
    }
    zone_list = ZoneList("domain/zone", name="")
    record_list = RecordList(
        "domain/zone/{zone.name}/record",
        new={"fieldType": "TXT", "subDomain": "{name}", "ttl": "{ttl}", "target": "{quoted}"},
    )

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        api, login = _ENDPOINTS[fields["endpoint"]]
        by_client = bool(fields["client_id"])
        missing = [name for name in (_NEW if by_client else _OLD) if not fields[name]]
        if missing:
            raise InvalidInputError(
                f"provider ovh needs the field '{missing[0]}' too: give {', '.join(_OLD)}, or"
                f" {' and '.join(_NEW)}"
            )
        self._login = fields["login_url"].rstrip("/") or login
        if by_client and not self._login:
            raise InvalidInputError(f"{fields['endpoint']} does not know OAuth 2 clients")
        super().__init__(
            context,
            base_url=fields["api_url"] or api,
            token=BearerToken(self._sign_in, context.clock) if by_client else None,
            sign=None if by_client else self._sign,
        )

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones. A rule for `/domain/zone/*` alone allows the list with a slash only."""
        try:
            return await super().list_zones()
        except ProviderPermissionError:  # certbot's and acme.sh's keys have only that rule
            return await _LIST_BELOW.zones(self.api, self.fields)

    async def list_records(self, zone: Zone, name: str) -> list[StoredTxt]:
        """Return the TXT records at the name: their ids, and then each of them."""
        path = f"domain/zone/{zone.name}/record"
        query = {"fieldType": "TXT", "subDomain": name}
        ids = await self.api.get(path, list[int], query=query)
        answers = await all_at_once(
            self.api.send("GET", f"{path}/{one}", expected=(200, 404)) for one in ids
        )
        records = [self.api.read(one, _Record) for one in answers if one.status == 200]
        return [
            StoredTxt(str(one.id), name, unquote_txt(one.target))
            for one in records
            if (one.sub_domain or "").lower() == name  # an empty subDomain asks for all names
        ]

    async def key_end(self) -> str | None:
        """Return when the consumer key expires; nothing is told of OAuth 2 clients."""
        if self.fields["client_id"]:
            raise not_told()
        return (await self.api.get("auth/currentCredential", _Credential)).expiration

    async def _add(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await self._published(zone, super()._add(zone, records))

    async def _remove(self, zone: Zone, records: Sequence[TxtRecord]) -> None:
        await self._published(zone, super()._remove(zone, records))

    async def _published(self, zone: Zone, work: Coroutine[Any, Any, None]) -> None:
        """Do the work, and publish what was done of it."""
        try:
            await work
        except ProviderError as error:
            if not error.changed_nothing:
                with suppress(ProviderError):
                    await self._refresh(zone)
            raise
        with self._about(zone, unchanged=False):
            await self._refresh(zone)

    async def _refresh(self, zone: Zone) -> None:
        await self.api.send("POST", f"domain/zone/{zone.name}/refresh", repeatable=True)

    async def _sign_in(self) -> tuple[str, float]:
        form = {name: self.fields[name] for name in _NEW}
        answer = await self.api.send(
            "POST",
            f"{self._login}/auth/oauth2/token",
            form={**form, "grant_type": "client_credentials", "scope": "all"},
            plain=True,
            repeatable=True,
        )
        token = self.api.read(answer, _Token)
        return token.access_token, token.expires_in

    def _sign(self, request: ApiRequest) -> ApiRequest:
        key, secret, consumer = (self.fields[name] for name in _OLD)
        seconds = str(int(self.now().timestamp()))
        return request.with_headers(
            {
                "X-Ovh-Application": key,
                "X-Ovh-Consumer": consumer,
                "X-Ovh-Timestamp": seconds,
                "X-Ovh-Signature": signature(request, secret, consumer, seconds),
            }
        )


def signature(request: ApiRequest, secret: str, consumer: str, seconds: str) -> str:
    """Return the signature of a request at a time, in seconds since 1970."""
    words = (secret, consumer, request.method, request.url, request.content.decode(), seconds)
    return "$1$" + hashlib.sha1("+".join(words).encode()).hexdigest()  # noqa: S324  OVH's choice
