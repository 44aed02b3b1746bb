"""The provider for Azure DNS, public and private zones: sets that are changed only as read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import msgspec

from zoneproof.providers.api_request import bearer
from zoneproof.providers.azure_identity import (
    ERRORS,
    IDENTITY_FIELDS,
    LOGIN_FIELDS,
    REFUSALS,
    AzureIdentity,
)
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import Alias, Limits, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.expiring_key import ExpiringKey, not_told
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field, url_field
from zoneproof.providers.paging import NextUrl
from zoneproof.providers.refusals import Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_PENDING = "Another operation is pending"  # of several reasons for the code Conflict
_CLOUDS = {  # where the management API and Microsoft Graph are
    "public": ("https://management.azure.com", "https://graph.microsoft.com"),
    "usgovernment": ("https://management.usgovcloudapi.net", "https://graph.microsoft.us"),
    "china": (
        "https://management.chinacloudapi.cn",
        "https://microsoftgraph.chinacloudapi.cn",
    ),
}


class _Zone(msgspec.Struct):
    id: str
    name: str
    properties: dict[str, Any] = {}


class _Set(msgspec.Struct):
    properties: dict[str, Any]
    etag: str = ""


class _Txt(msgspec.Struct):
    value: list[str]


class _Secret(msgspec.Struct, rename="camel"):
    hint: str | None = None  # its first three characters
    end_date_time: str | None = None


class _Application(msgspec.Struct, rename="camel"):
    password_credentials: list[_Secret] = []


class Azure(ExpiringKey, SetsProvider):
    """Writes a set only if its ETag is still the one that was read.

    A zone's id is its resource id, a path. Private zones have an API of their own, which differs
    in its path, its version and how it writes the names of properties.
    """

    info = ProviderInfo(
        slug="azure",
        title="Azure DNS",
        homepage="https://learn.microsoft.com/azure/dns/",
        fields=(
            token_field("subscription_id", "id of the subscription with the zones", secret=False),
            *IDENTITY_FIELDS,
            CredentialField(
                "resource_group", "the only resource group to look in", default="", rare=True
            ),
            CredentialField(
                "visibility", "kind of zones", default="public", choices=("public", "private")
            ),
            url_field("api_url", "where the API is; the cloud's if empty"),
            url_field("graph_url", "where Microsoft Graph is; the cloud's if empty"),
            *LOGIN_FIELDS,
            ZONE_ID,
        ),
        key_url="https://portal.azure.com/#view/Microsoft_AAD_RegisteredApps",
        key_expiry="if it is a secret of an application that may also read itself"
        " (`Application.Read.All` of Microsoft Graph)",
        limits=Limits(values_at_name=20),
        ambient=lambda fields: fields["identity"] != "secret",
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
                choices={
                    "AZURE_AUTH_METHOD": {
                        "env": "identity=secret",
                        "msi": "identity=managed",
                        "wli": "identity=workload",
                    },
                    "AZURE_PRIVATE_ZONE": {"true": "visibility=private", "false": ""},
                },
                left_out=("AZURE_CLIENT_CERTIFICATE_PATH",),
            ),
        ),
    )
    checks = False
    marked = True
    errors = replace(ERRORS, phrases=(_PENDING,))
    refusals: ClassVar[Refusals] = {
        **REFUSALS,
        "SubscriptionNotFound": Refusal.no_zone("it does not know the subscription"),
        "ResourceGroupNotFound": Refusal.no_zone("it does not know the resource group"),
        412: Refusal.conflict("the set has changed in the meantime"),
        _PENDING: Refusal.conflict("another change is in progress", again=True),
    }

    def __init__(self, context: ProviderContext) -> None:
        fields = context.fields
        cloud, graph = _CLOUDS[fields["cloud"]]
        self._graph = fields["graph_url"].rstrip("/") or graph
        self._graph_identity = AzureIdentity("provider azure", fields, f"{graph}/")
        self._identity = AzureIdentity("provider azure", fields, f"{cloud}/")
        public = fields["visibility"] == "public"
        self._kind = "dnsZones" if public else "privateDnsZones"
        version = {"api-version": "2018-05-01" if public else "2024-06-01"}
        self._ttl, self._records = ("TTL", "TXTRecords") if public else ("ttl", "txtRecords")
        token = BearerToken(lambda: self._identity.sign_in(self.api), context.clock)
        url = fields["api_url"] or cloud
        super().__init__(context, base_url=url, query=version, token=token)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the zones of the subscription or the resource group."""
        path = f"subscriptions/{self.fields['subscription_id']}"
        if self.fields["resource_group"]:
            path += f"/resourceGroups/{self.fields['resource_group']}"
        path += f"/providers/Microsoft.Network/{self._kind}"
        zones = await self.api.items(path, _Zone, at="value", paging=NextUrl(at="nextLink"))
        public = self._kind == "dnsZones"  # which once had private ones too
        return [
            (zone.name, zone.id)
            for zone in zones
            if not (public and zone.properties.get("zoneType") == "Private")
        ]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the set at the name, with its ETag."""
        path = _path(zone, name)
        answer = await self.api.send("GET", path, expected=(200, 404))
        if answer.status == 404:
            return TxtSet()
        found = self.api.read(answer, _Set)
        records = self.api.listed(answer, _Txt, f"properties.{self._records}")
        values = tuple("".join(record.value) for record in records)
        return TxtSet(values, found.properties.get(self._ttl, 0), found.etag)

    async def write_set(self, zone: Zone, change: SetChange) -> None:
        """Write or delete the set, if it is as it was read."""
        path, old = _path(zone, change.name), change.old
        # A set may be there without values, as Azure's own tools make it first.
        same = {"If-Match": old.version} if old.version else {"If-None-Match": "*"}
        if not change.new.values:
            await self.api.send("DELETE", path, headers=same, expected=(200, 204, 404))
            return
        records = [{"value": _strings(value)} for value in change.new.values]
        properties = {self._ttl: change.new.ttl, self._records: records}
        await self.api.send(
            "PATCH" if old.version else "PUT",  # which keeps the metadata of a set, or makes one
            path,
            headers=same,
            json={"properties": properties},
        )

    async def key_end(self) -> str | None:
        """Return when the application's secret expires; of several that begin alike, the first."""
        if self.fields["identity"] != "secret":
            return None
        own, application = self.fields["client_secret"], self.fields["client_id"]
        token, _ = await self._graph_identity.sign_in(self.api)
        self.api.hide(token)
        answer = await self.api.send(
            "GET",
            f"{self._graph}/v1.0/applications(appId='{application}')",
            query={"$select": "passwordCredentials"},
            headers=bearer(token),
            plain=True,
        )
        secrets = self.api.read(answer, _Application).password_credentials
        ends = [one.end_date_time for one in secrets if one.hint and own.startswith(one.hint)]
        today = self.now().isoformat()
        coming = [end for end in ends if end and end > today]
        if not coming and None not in ends:
            raise not_told()
        return min(coming, default=None)


def _path(zone: Zone, name: str) -> str:
    return f"{zone.id}/TXT/{name or '@'}"


def _strings(value: str) -> Sequence[str]:
    """Return the strings of a TXT record, each of at most 255 bytes."""
    step = 255 if value.isascii() else 63
    return [value[i : i + step] for i in range(0, len(value), step)] or [""]
