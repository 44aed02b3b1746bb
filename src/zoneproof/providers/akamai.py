"""The provider for Akamai Edge DNS: sets, asked for with EdgeGrid signatures."""

from __future__ import annotations

import base64
import configparser
import hashlib
import hmac
import secrets
from collections.abc import Mapping
from datetime import UTC
from typing import ClassVar
from urllib.parse import urljoin, urlsplit

import msgspec

from zoneproof.core.errors import InvalidInputError, ProviderConflictError
from zoneproof.providers.api_request import ApiRequest, token_field
from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    Limits,
    ProviderContext,
    ProviderInfo,
    Zone,
)
from zoneproof.providers.expiring_key import ExpiringKey, not_told
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_KEYS = ("host", "client_token", "client_secret", "access_token")
_MOST_SIGNED = 131072  # bytes of a body


class _Zone(msgspec.Struct):
    zone: str


class _RecordSet(msgspec.Struct):
    ttl: int
    rdata: list[str]


class _Credential(msgspec.Struct, rename="camel"):
    client_token: str
    expires_on: str | None = None


class Akamai(ExpiringKey, SetsProvider):
    """Makes, replaces and deletes the TXT set at a name; there is no mark of a set's state."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="akamai",
        title="Akamai Edge DNS",
        homepage="https://techdocs.akamai.com/edge-dns/reference/edge-dns-api",
        fields=(
            token_field(
                "host", "host of the API client, *.luna.akamaiapis.net", secret=False, default=""
            ),
            token_field(
                "client_token", "client token", secret=False, default="", needed_with="host"
            ),
            token_field("client_secret", "client secret", default="", needed_with="host"),
            token_field("access_token", "access token", default="", needed_with="host"),
            CredentialField(
                "edgerc", "an .edgerc file instead of these four", secret=True, default=""
            ),
            CredentialField("section", "section of the .edgerc", default="default", rare=True),
            token_field("account_key", "account switch key", secret=False, default=""),
            CredentialField(
                "api_url", "where the API is; the host's if empty", default="", url=True, rare=True
            ),
        ),
        key_url="https://control.akamai.com/apps/identity-management/",
        key_expiry="if the API client may also read its own credentials (Identity Management API)",
        limits=Limits(value_pattern=r"[ !#-\[\]-~]*"),
        notes="Only primary zones can be written. Values with a quote or a backslash are not"
        " written: dnscontrol found in 2023 that Edge DNS changes them.",
        least_privilege="An API client with read-write access to `DNS-Zone Record Management` and"
        " read access to `DNS-Zone Management` only (the API `DNS-Edge DNS Zone Management`), for"
        " the group with the zones.",
        name_servers=("a*-*.akam.net",),
        aliases=(
            Alias(
                "certbot",
                "edgedns",
                {
                    "host": "host",
                    "client_token": "client_token",
                    "client_secret": "client_secret",
                    "access_token": "access_token",
                },
            ),
            Alias(
                "acme.sh",
                "dns_edgedns",
                {
                    "AKAMAI_HOST": "host",
                    "AKAMAI_CLIENT_TOKEN": "client_token",
                    "AKAMAI_CLIENT_SECRET": "client_secret",
                    "AKAMAI_ACCESS_TOKEN": "access_token",
                },
            ),
            Alias(
                "lego",
                "edgedns",
                {
                    "AKAMAI_HOST": "host",
                    "AKAMAI_CLIENT_TOKEN": "client_token",
                    "AKAMAI_CLIENT_SECRET": "client_secret",
                    "AKAMAI_ACCESS_TOKEN": "access_token",
                    "AKAMAI_EDGERC_SECTION": "section",
                    "AKAMAI_ACCOUNT_SWITCH_KEY": "account_key",
                },
                files={"AKAMAI_EDGERC": "edgerc"},
            ),
        ),
    )
    errors: ClassVar[ErrorBody] = ErrorBody(codes=(), messages=("detail", "title"))
    refusals: ClassVar[Refusals] = {
        409: Refusal(ProviderConflictError, "the set or the zone has changed in the meantime"),
    }

    def __init__(self, context: ProviderContext) -> None:
        keys = _keys(context.fields)
        self._keys = keys
        host = keys["host"].removeprefix("https://").rstrip("/")
        account = context.fields["account_key"]
        self._account = {"accountSwitchKey": account} if account else {}
        base = context.fields["api_url"] or f"https://{host}/config-dns/v2"
        self._credentials = urljoin(base, "/identity-management/v3/api-clients/self/credentials")
        super().__init__(
            context,
            base_url=base,
            sign=self._sign,
            secrets=[keys["client_secret"], keys["access_token"]],
        )

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the primary zones; they are known by name."""
        query = {"types": "primary", "showAll": "true", **self._account}
        return [
            (one.zone, "") for one in await self.api.items("zones", _Zone, at="zones", query=query)
        ]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name."""
        path = _path(zone, name)
        answer = await self.api.send("GET", path, query=self._account, expected=(200, 404))
        if answer.status == 404:
            return TxtSet()
        found = self.api.read(answer, _RecordSet)
        return TxtSet(tuple(map(unquote_txt, found.rdata)), found.ttl)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Make, replace or delete the TXT set at the name."""
        path, new = _path(zone, change.name), change.new
        if not new.values:
            await self.api.delete(path, query=self._account)
            return
        await self.api.send(
            "PUT" if change.old.values else "POST",
            path,
            query=self._account,
            json={
                "name": str(zone.record(change.name)),
                "type": "TXT",
                "ttl": new.ttl,
                "rdata": [quote_txt(value) for value in new.values],
            },
        )

    async def key_end(self) -> str | None:
        """Return when the client's secret expires, by its token."""
        found = await self.api.get(self._credentials, list[_Credential])
        own = self._keys["client_token"]
        for one in found:
            if one.client_token == own:
                return one.expires_on
        raise not_told()

    def _sign(self, request: ApiRequest) -> ApiRequest:
        stamp = self.now().astimezone(UTC).strftime("%Y%m%dT%H:%M:%S+0000")
        return sign_edgegrid(request, self._keys, stamp, secrets.token_hex(16))


def sign_edgegrid(
    request: ApiRequest, keys: Mapping[str, str], stamp: str, nonce: str
) -> ApiRequest:
    """Return the request with an EG1-HMAC-SHA256 signature (Akamai's EdgeGrid, 2026)."""
    parts = urlsplit(request.url)
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    signed = request.content[:_MOST_SIGNED] if request.method == "POST" else b""
    digest = base64.b64encode(hashlib.sha256(signed).digest()).decode() if signed else ""
    begin = (
        f"EG1-HMAC-SHA256 client_token={keys['client_token']};access_token={keys['access_token']};"
        f"timestamp={stamp};nonce={nonce};"
    )
    words = (request.method, parts.scheme, parts.netloc, target, "", digest, begin)
    key = _hmac(keys["client_secret"], stamp)
    return request.with_headers(
        {"Authorization": f"{begin}signature={_hmac(key, chr(9).join(words))}"}
    )


def _hmac(key: str, text: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), text.encode(), "sha256")).decode()


def _keys(fields: Mapping[str, str]) -> Mapping[str, str]:
    """Return host and keys. Raises InvalidInputError, which does not repeat them."""
    keys = {name: fields[name] for name in _KEYS}
    if fields["edgerc"]:
        parser = configparser.ConfigParser(interpolation=None, default_section="")
        try:
            parser.read_string(fields["edgerc"])
            keys = {name: parser[fields["section"]].get(name, "").strip('" ') for name in _KEYS}
        except (configparser.Error, KeyError) as error:
            raise InvalidInputError(
                f"edgerc is not an .edgerc file with a section {fields['section']}"
            ) from error
    for name, value in keys.items():
        if not value:
            raise InvalidInputError(
                f"provider akamai needs the field '{name}', or an edgerc with it"
            )
    return keys


def _path(zone: Zone, name: str) -> str:
    return f"zones/{zone.name}/names/{zone.record(name)}/types/TXT"
