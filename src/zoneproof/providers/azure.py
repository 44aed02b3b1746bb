"""The provider for Azure DNS, public and private zones: sets that are changed only as read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from zoneproof.core.errors import (
    InvalidInputError,
    ProviderConflictError,
    ProviderCredentialsError,
    ProviderZoneError,
)
from zoneproof.providers.api_provider import ZONE_ID
from zoneproof.providers.api_request import token_field
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    Limits,
    ProviderContext,
    ProviderInfo,
    Zone,
)
from zoneproof.providers.refusals import ErrorBody, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_CLOUDS = {  # where the management API and the login are
    "public": ("https://management.azure.com", "https://login.microsoftonline.com"),
    "usgovernment": ("https://management.usgovcloudapi.net", "https://login.microsoftonline.us"),
    "china": ("https://management.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"),
}
_TOKEN_FILE = "/var/run/secrets/azure/tokens/azure-identity-token"  # noqa: S105  a path
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_LOGIN = Refusal(ProviderCredentialsError, "it does not accept the credentials")


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int | str  # text from the metadata service


class _Zone(msgspec.Struct):
    id: str
    name: str
    properties: dict[str, Any] = {}


class _Set(msgspec.Struct):
    properties: dict[str, Any]
    etag: str = ""


class Azure(SetsProvider):
    """Writes a set only if its ETag is still the one that was read.

    A zone's id is its resource id, a path. Private zones have an API of their own, which differs
    in its path, its version and how it writes the names of properties.
    """

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="azure",
        title="Azure DNS",
        homepage="https://learn.microsoft.com/azure/dns/",
        fields=(
            token_field("subscription_id", "id of the subscription with the zones", secret=False),
            CredentialField(
                "identity",
                "who signs in: an application with a secret, this machine's managed identity, or"
                " a Kubernetes service account (workload)",
                default="secret",
                choices=("secret", "managed", "workload"),
            ),
            token_field(
                "tenant_id", "id of the directory (not for managed)", secret=False, default=""
            ),
            token_field(
                "client_id",
                "id of the application, or of a user-assigned managed identity",
                secret=False,
                default="",
                needed_with="tenant_id",
            ),
            token_field("client_secret", "secret of the application", default=""),
            CredentialField(
                "resource_group", "the only resource group to look in", default="", rare=True
            ),
            CredentialField(
                "visibility", "kind of zones", default="public", choices=("public", "private")
            ),
            CredentialField(
                "cloud", "which Azure", default="public", choices=tuple(_CLOUDS), rare=True
            ),
            CredentialField(
                "token_file", "file with the workload's token", default=_TOKEN_FILE, rare=True
            ),
            CredentialField(
                "api_url", "where the API is; the cloud's if empty", default="", url=True, rare=True
            ),
            CredentialField(
                "login_url",
                "where to sign in; the cloud's if empty",
                default="",
                url=True,
                rare=True,
            ),
            CredentialField(
                "metadata_url",
                "where the machine's metadata service is",
                default="http://169.254.169.254",
                url=True,
                rare=True,
            ),
            ZONE_ID,
        ),
        key_url="https://portal.azure.com/#view/Microsoft_AAD_RegisteredApps",
        limits=Limits(values_at_name=20),
        notes="A secret that is made in the portal ends after two years at most: note the date. On"
        " a machine in Azure choose `identity=managed`, in AKS `identity=workload`: then there is"
        " no secret. App Service's and Arc's own endpoints are not supported. `zone_id` is the"
        " zone's resource id, which begins with `/subscriptions/`. Private zones are of use with a"
        " private CA only. The recorded exchanges are from 2023, the API reference from 2026.",
        least_privilege="The role `Reader` on the zone, and `DNS Zone Contributor` (for private"
        " zones `Private DNS Zone Contributor`) on each set"
        " `.../dnsZones/ZONE/TXT/_acme-challenge.NAME`; simpler, on the zone.",
        name_servers=(
            "*.azure-dns.com",
            "*.azure-dns.net",
            "*.azure-dns.org",
            "*.azure-dns.info",
        ),
        aliases=(
            Alias(
                "certbot",
                "dns-azure",
                {
                    "sp_client_id": "client_id",
                    "sp_client_secret": "client_secret",
                    "tenant_id": "tenant_id",
                },
            ),
            Alias(
                "acme.sh",
                "dns_azure",
                {
                    "AZUREDNS_SUBSCRIPTIONID": "subscription_id",
                    "AZUREDNS_TENANTID": "tenant_id",
                    "AZUREDNS_APPID": "client_id",
                    "AZUREDNS_CLIENTSECRET": "client_secret",
                },
            ),
            Alias(
                "lego",
                "azuredns",
                {
                    "AZURE_SUBSCRIPTION_ID": "subscription_id",
                    "AZURE_TENANT_ID": "tenant_id",
                    "AZURE_CLIENT_ID": "client_id",
                    "AZURE_CLIENT_SECRET": "client_secret",
                    "AZURE_RESOURCE_GROUP": "resource_group",
                    "AZURE_ENVIRONMENT": "cloud",
                },
            ),
        ),
    )
    checks: ClassVar[bool] = False
    marked: ClassVar[bool] = True
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("error.code", "code", "error"),
        messages=("error.message", "message", "error_description"),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(("invalid_client", "unauthorized_client", "invalid_grant"), _LOGIN),
        "invalid_request": Refusal(
            ProviderCredentialsError,
            "it does not sign this in",
            "check tenant_id and client_id, or assign a managed identity to this machine",
        ),
        "SubscriptionNotFound": Refusal(ProviderZoneError, "it does not know the subscription"),
        "ResourceGroupNotFound": Refusal(ProviderZoneError, "it does not know the resource group"),
        412: Refusal(ProviderConflictError, "the set has changed meanwhile"),
    }

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        needed = {"secret": ("tenant_id", "client_id", "client_secret"), "managed": ()}
        for name in needed.get(fields["identity"], ("tenant_id", "client_id")):
            if not fields[name]:
                raise InvalidInputError(
                    f"provider azure with identity={fields['identity']} needs the field '{name}'"
                )
        cloud, login = _CLOUDS[fields["cloud"]]
        self._resource = f"{cloud}/"
        self._login = fields["login_url"].rstrip("/") or login
        public = fields["visibility"] == "public"
        self._kind = "dnsZones" if public else "privateDnsZones"
        self._version = {"api-version": "2018-05-01" if public else "2024-06-01"}
        self._ttl, self._records = ("TTL", "TXTRecords") if public else ("ttl", "txtRecords")
        token = BearerToken(self._sign_in, context.clock)
        super().__init__(context, base_url=fields["api_url"] or cloud, token=token)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones of the subscription or the resource group."""
        path = f"subscriptions/{self.fields['subscription_id']}"
        if self.fields["resource_group"]:
            path += f"/resourceGroups/{self.fields['resource_group']}"
        path += f"/providers/Microsoft.Network/{self._kind}"
        zones = await self.api.items(
            path, _Zone, at="value", query=self._version, following="nextLink"
        )
        public = self._kind == "dnsZones"  # which once had private ones too
        return [
            (zone.name, zone.id)
            for zone in zones
            if not (public and zone.properties.get("zoneType") == "Private")
        ]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the set at the name, with its ETag."""
        path = _path(zone, name)
        answer = await self.api.send("GET", path, query=self._version, expected=(200, 404))
        if answer.status == 404:
            return TxtSet()
        found = self.api.read(answer, _Set)
        records = found.properties.get(self._records) or []
        values = tuple("".join(record["value"]) for record in records)
        return TxtSet(values, found.properties.get(self._ttl, 0), found.etag)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Write or delete the set, if it is as it was read."""
        path, old = _path(zone, change.name), change.old
        same = {"If-Match": old.version} if old.values else {"If-None-Match": "*"}
        if not change.new.values:
            await self.api.send(
                "DELETE", path, query=self._version, headers=same, expected=(200, 204, 404)
            )
            return
        records = [{"value": _strings(value)} for value in change.new.values]
        properties = {self._ttl: change.new.ttl, self._records: records}
        await self.api.send(
            "PATCH" if old.values else "PUT",  # which keeps the metadata of a set, or makes one
            path,
            query=self._version,
            headers=same,
            json={"properties": properties},
        )

    async def _sign_in(self) -> tuple[str, float]:
        fields = self.fields
        if fields["identity"] == "managed":
            query = {"api-version": "2018-02-01", "resource": self._resource}
            answer = await self.api.send(
                "GET",
                f"{fields['metadata_url'].rstrip('/')}/metadata/identity/oauth2/token",
                query={**query, "client_id": fields["client_id"] or None},
                headers={"Metadata": "true"},
                plain=True,
            )
        else:
            form: Mapping[str, str] = {
                "grant_type": "client_credentials",
                "client_id": fields["client_id"],
                "scope": f"{self._resource}.default",
                **self._proof(),
            }
            url = f"{self._login}/{fields['tenant_id']}/oauth2/v2.0/token"
            answer = await self.api.send("POST", url, form=form, plain=True, repeatable=True)
        token = self.api.read(answer, _Token)
        return token.access_token, float(token.expires_in)

    def _proof(self) -> dict[str, str]:
        if self.fields["identity"] == "secret":
            return {"client_secret": self.fields["client_secret"]}
        try:  # which Kubernetes replaces before it ends, so it is read each time
            assertion = Path(self.fields["token_file"]).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ProviderCredentialsError(
                f"the workload's token cannot be read from {self.fields['token_file']}; label the"
                " pod with azure.workload.identity/use, or set token_file"
            ) from error
        self.api.hide(assertion)
        return {"client_assertion_type": _ASSERTION, "client_assertion": assertion}


def _path(zone: Zone, name: str) -> str:
    return f"{zone.id}/TXT/{name or '@'}"


def _strings(value: str) -> Sequence[str]:
    """Return the strings of a TXT record, each of at most 255 bytes."""
    step = 255 if value.isascii() else 63
    return [value[i : i + step] for i in range(0, len(value), step)] or [""]
