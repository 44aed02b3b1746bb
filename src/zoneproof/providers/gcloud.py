"""The provider for Google Cloud DNS: changes that name what they replace."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar

import msgspec

from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import Alias, ProviderContext, ProviderInfo, Zone
from zoneproof.providers.expiring_key import ExpiringKey
from zoneproof.providers.fields import ZONE_ID, CredentialField, token_field
from zoneproof.providers.google_identity import (
    CREDENTIALS,
    ERRORS,
    IMPERSONATE,
    LOGIN_FIELDS,
    REFUSALS,
    GoogleIdentity,
    uses_the_machine,
)
from zoneproof.providers.paging import NextWord
from zoneproof.providers.refusals import SLOWER, Refusal, Refusals
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet

_SCOPE = "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
_PAGES = NextWord(at="nextPageToken", word="pageToken")
_CHANGED = Refusal.conflict("the set has changed in the meantime")


class _ManagedZone(msgspec.Struct, rename="camel"):
    name: str
    dns_name: str
    visibility: str = "public"


class _RRset(msgspec.Struct):
    name: str
    ttl: int
    rrdatas: list[str]


class GoogleCloud(ExpiringKey, SetsProvider):
    """Replaces sets in one change, which is refused if one is no longer as it was read."""

    info = ProviderInfo(
        slug="gcloud",
        title="Google Cloud DNS",
        homepage="https://cloud.google.com/dns/docs",
        fields=(
            CREDENTIALS,
            token_field("project", "id of the project with the zones", secret=False, default=""),
            IMPERSONATE,
            CredentialField(
                "visibility", "kind of zones", default="public", choices=("public", "private")
            ),
            *LOGIN_FIELDS,
            ZONE_ID,
        ),
        key_url="https://console.cloud.google.com/iam-admin/serviceaccounts",
        key_expiry="if it is a service account's key",
        api_url="https://dns.googleapis.com/dns/v1",
        ambient=uses_the_machine,
        notes="Without `credentials` the machine's own service account is used (Compute Engine,"
        " Cloud Run, GKE), and its project. A workload identity federation gets its token from a"
        " file or a URL; AWS signatures and programs as a source are not supported. `zone_id` is"
        " the name or the number of the managed zone. The recorded exchanges are from 2018, the"
        " API reference from 2026.",
        least_privilege="A custom role with `dns.managedZones.list`,"
        " `dns.resourceRecordSets.list`, `.create`, `.update`, `.delete` and `dns.changes.create`."
        " It can be granted on one managed zone; then set `zone_id`, because listing needs the"
        " project.",
        name_servers=("ns-cloud-*.googledomains.com",),
        aliases=(
            Alias("certbot", "dns-google"),
            Alias("acme.sh", "dns_gcloud"),
            Alias(
                "lego",
                "gcloud",
                {
                    "GCE_PROJECT": "project",
                    "GCE_SERVICE_ACCOUNT": "credentials",
                    "GCE_IMPERSONATE_SERVICE_ACCOUNT": "impersonate",
                    "GCE_ZONE_ID": "zone_id",
                },
            ),
        ),
    )
    batches = True
    checks = False
    marked = True
    errors = ERRORS
    refusals: ClassVar[Refusals] = {
        **REFUSALS,
        "rateLimitExceeded": SLOWER,
        "userRateLimitExceeded": SLOWER,
        "quotaExceeded": Refusal.over_quota("a quota is used up"),
        409: _CHANGED,
        412: _CHANGED,
    }

    def __init__(self, context: ProviderContext) -> None:
        self._identity = GoogleIdentity("provider gcloud", context.fields, _SCOPE, context.now)
        self._project = self._identity.project
        token = BearerToken(lambda: self._identity.sign_in(self.api), context.clock)
        super().__init__(context, token=token, secrets=self._identity.secrets)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the project's managed zones of the wanted visibility."""
        zones = await self.api.items(
            f"{await self._place()}/managedZones",
            _ManagedZone,
            at="managedZones",
            absent_if_empty=True,
            paging=_PAGES,
        )
        wanted = self.fields["visibility"]
        return [(zone.dns_name, zone.name) for zone in zones if zone.visibility == wanted]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name; its version is how it is written there."""
        path = f"{await self._place()}/managedZones/{zone.id}/rrsets"
        query = {"name": f"{zone.record(name)}.", "type": "TXT"}
        for one in await self.api.items(path, _RRset, at="rrsets", query=query, paging=_PAGES):
            texts = msgspec.json.encode(one.rrdatas).decode()
            return TxtSet.of_quoted(one.rrdatas, one.ttl, texts)
        return TxtSet()

    async def write_sets(self, zone: Zone, changes: Sequence[SetChange]) -> None:
        """Replace the sets, all of them or none."""
        old, new = [], []
        for change in changes:
            which = {"name": f"{zone.record(change.name)}.", "type": "TXT"}
            if change.old.values:
                texts = msgspec.json.decode(change.old.version)
                old.append({**which, "ttl": change.old.ttl, "rrdatas": texts})
            if change.new.values:
                texts = change.new.quoted
                new.append({**which, "ttl": change.new.ttl, "rrdatas": texts})
        await self.api.send(
            "POST",
            f"{await self._place()}/managedZones/{zone.id}/changes",
            json={"deletions": old, "additions": new},
            also={404: _CHANGED},  # the zone was just read
        )

    async def key_end(self) -> datetime | None:
        """Return when the service account's key expires, None if it does not or is none."""
        return await self._identity.key_end(self.api)

    async def _place(self) -> str:
        if not self._project:
            self._project = await self._identity.machine_project(self.api)
        return f"projects/{self._project}"
