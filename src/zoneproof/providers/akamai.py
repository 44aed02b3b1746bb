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

from zoneproof.core.errors import InvalidInputError
from zoneproof.providers.api_request import ApiRequest
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.expiring_key import ExpiringKey, not_told
from zoneproof.providers.fields import CredentialField, require_fields, token_field, url_field
from zoneproof.providers.lists import ZoneList
from zoneproof.providers.refusals import ALREADY, ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_KEYS = ("host", "client_token", "client_secret", "access_token")
_BUSY = "concurrentZoneModification"
_MOST_SIGNED = 131072  # bytes of a body


class _RecordSet(msgspec.Struct):
    ttl: int
    rdata: list[str]


class _Credential(msgspec.Struct, rename="camel"):
    client_token: str
    expires_on: str | None = None


class Akamai(ExpiringKey, SetsProvider):
    """Makes, replaces and deletes the TXT set at a name; there is no mark of a set's state.

    A zone takes one change at a time, and refuses another meanwhile.
    """

    info = ProviderInfo(
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
            url_field("api_url", "where the API is; the host's if empty"),
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
    at_once = 1
    errors = ErrorBody(messages=("detail", "title", "type"), phrases=(_BUSY,))
    refusals: ClassVar[Refusals] = {
        _BUSY: Refusal.conflict("another change of the zone is in progress", again=True),
        409: Refusal.conflict("the set or the zone has changed in the meantime"),
    }
    query = "accountSwitchKey={account_key}"
    zone_list = ZoneList(
        "zones", at="zones", name="zone", query={"types": "primary", "showAll": "true"}
    )
    set_path = "zones/{zone.name}/names/{whole}/types/TXT"
    makes = "POST"

    def __init__(self, context: ProviderContext) -> None:
        keys = _keys(context.fields)
        self._keys = keys
        host = keys["host"].removeprefix("https://").rstrip("/")
        base = context.fields["api_url"] or f"https://{host}/config-dns/v2"
        self._credentials = urljoin(base, "/identity-management/v3/api-clients/self/credentials")
        super().__init__(
            context,
            base_url=base,
            sign=self._sign,
            secrets=[keys["client_secret"], keys["access_token"]],
        )

    async def read_set(self, zone: Zone, name: str) -> TxtSet | None:
        """Return the TXT set at the name."""
        path = self.path_of_set(zone, name)
        found = await self.api.find(path, _RecordSet, also={404: ALREADY})
        return TxtSet.of_quoted(found.rdata, found.ttl) if found else None

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

    def set_of(self, zone: Zone, change: SetChange) -> object:
        """Return the set, its values in quotes."""
        return {
            "name": str(zone.record(change.name)),
            "type": "TXT",
            "ttl": change.new.ttl,
            "rdata": change.new.quoted,
        }


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
    require_fields("akamai", keys, keys, "an edgerc with it")
    return keys
