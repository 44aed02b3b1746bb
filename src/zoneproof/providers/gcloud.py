"""The provider for Google Cloud DNS: changes that name what they replace."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from zoneproof.core.errors import (
    InvalidInputError,
    ProviderConflictError,
    ProviderCredentialsError,
    ProviderQuotaError,
)
from zoneproof.providers.api_provider import ZONE_ID
from zoneproof.providers.api_request import bearer, token_field
from zoneproof.providers.bearer_token import BearerToken
from zoneproof.providers.contract import (
    Alias,
    CredentialField,
    ProviderContext,
    ProviderInfo,
    Zone,
)
from zoneproof.providers.refusals import USUAL, ErrorBody, Refusal, Refusals, place_in
from zoneproof.providers.rsa_key import RsaKey
from zoneproof.providers.set_provider import SetChange, SetsProvider, TxtSet
from zoneproof.providers.txt_text import quote_txt, unquote_txt

_SCOPE = "https://www.googleapis.com/auth/ndev.clouddns.readwrite"
_CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"  # what impersonation needs
_HOUR = 3600
_FLAVOR = {"Metadata-Flavor": "Google"}
_LOGIN = Refusal(ProviderCredentialsError, "it does not accept the credentials")
_SLOWER = Refusal(ProviderQuotaError, "too many requests", again=True)
_CHANGED = Refusal(ProviderConflictError, "the set has changed meanwhile")


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int = _HOUR


class _ForeignToken(msgspec.Struct, rename="camel"):
    access_token: str


class _ManagedZone(msgspec.Struct, rename="camel"):
    name: str
    dns_name: str
    visibility: str = "public"


class _RRset(msgspec.Struct):
    name: str
    ttl: int
    rrdatas: list[str]


class _Format(msgspec.Struct):
    type: str = "text"
    subject_token_field_name: str = ""


class _Source(msgspec.Struct):
    file: str = ""
    url: str = ""
    headers: dict[str, str] = {}
    format: _Format = msgspec.field(default_factory=_Format)


class _KeyFile(msgspec.Struct):
    """A service account's key, or how another service's token becomes Google's (AIP-4117)."""

    type: str
    project_id: str = ""
    client_email: str = ""
    private_key: str = ""
    private_key_id: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
    audience: str = ""
    subject_token_type: str = ""
    token_url: str = ""
    service_account_impersonation_url: str = ""
    credential_source: _Source = msgspec.field(default_factory=_Source)


class GoogleCloud(SetsProvider):
    """Replaces sets in one change, which is refused if one is no longer as it was read."""

    info: ClassVar[ProviderInfo] = ProviderInfo(
        slug="gcloud",
        title="Google Cloud DNS",
        homepage="https://cloud.google.com/dns/docs",
        fields=(
            CredentialField(
                "credentials",
                "JSON of a service account's key or of a workload identity federation; empty on a"
                " machine in Google Cloud",
                secret=True,
                default="",
            ),
            token_field("project", "id of the project with the zones", secret=False, default=""),
            token_field(
                "impersonate", "service account to act as, an address", secret=False, default=""
            ),
            CredentialField(
                "visibility", "kind of zones", default="public", choices=("public", "private")
            ),
            CredentialField(
                "metadata_url",
                "where the machine's metadata server is",
                default="http://metadata.google.internal",
                url=True,
                rare=True,
            ),
            CredentialField(
                "iam_url",
                "where service accounts are impersonated",
                default="https://iamcredentials.googleapis.com/v1",
                url=True,
                rare=True,
            ),
            ZONE_ID,
        ),
        key_url="https://console.cloud.google.com/iam-admin/serviceaccounts",
        api_url="https://dns.googleapis.com/dns/v1",
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
    batches: ClassVar[bool] = True
    checks: ClassVar[bool] = False
    marked: ClassVar[bool] = True
    errors: ClassVar[ErrorBody] = ErrorBody(
        codes=("error.errors.0.reason", "error.status", "error"),
        messages=("error.message", "error_description"),
    )
    refusals: ClassVar[Refusals] = {
        **dict.fromkeys(("invalid_grant", "invalid_client", "unauthorized_client"), _LOGIN),
        "rateLimitExceeded": _SLOWER,
        "userRateLimitExceeded": _SLOWER,
        "quotaExceeded": Refusal(ProviderQuotaError, "a quota is used up"),
        409: _CHANGED,
        412: _CHANGED,
    }

    def __init__(self, context: ProviderContext) -> None:
        self._file = _key_file(context.fields["credentials"])
        self._key = None
        secrets = []
        if self._file and self._file.type == "service_account":
            self._key = RsaKey(self._file.private_key, "private_key of credentials")
            secrets = [self._file.private_key]
        self._project = context.fields["project"] or (self._file.project_id if self._file else "")
        if self._file and not self._project:
            raise InvalidInputError("provider gcloud needs the field 'project'")
        self._now = context.now
        token = BearerToken(self._sign_in, context.clock)
        super().__init__(context, token=token, secrets=secrets)

    async def list_zones(self) -> list[tuple[str, str]]:
        """Return the project's managed zones of the wanted visibility."""
        zones = await self.api.items(
            f"{await self._place()}/managedZones",
            _ManagedZone,
            at="managedZones",
            following=_next_page,
        )
        wanted = self.fields["visibility"]
        return [(zone.dns_name, zone.name) for zone in zones if zone.visibility == wanted]

    async def read_set(self, zone: Zone, name: str) -> TxtSet:
        """Return the TXT set at the name; its version is how it is written there."""
        path = f"{await self._place()}/managedZones/{zone.id}/rrsets"
        query = {"name": f"{zone.record(name)}.", "type": "TXT"}
        for one in await self.api.items(
            path, _RRset, at="rrsets", query=query, following=_next_page
        ):
            texts = msgspec.json.encode(one.rrdatas).decode()
            return TxtSet(tuple(map(unquote_txt, one.rrdatas)), one.ttl, texts)
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
                texts = [quote_txt(value) for value in change.new.values]
                new.append({**which, "ttl": change.new.ttl, "rrdatas": texts})
        await self.api.send(
            "POST",
            f"{await self._place()}/managedZones/{zone.id}/changes",
            json={"deletions": old, "additions": new},
            refusals={**USUAL, **self.refusals, 404: _CHANGED},  # the zone was just read
        )

    async def _place(self) -> str:
        if not self._project:
            url = f"{self._metadata}/project/project-id"
            answer = await self.api.send("GET", url, headers=_FLAVOR, plain=True)
            self._project = answer.body.decode("ascii", "replace").strip()
        return f"projects/{self._project}"

    @property
    def _metadata(self) -> str:
        return f"{self.fields['metadata_url'].rstrip('/')}/computeMetadata/v1"

    async def _sign_in(self) -> tuple[str, float]:
        email = self.fields["impersonate"]
        scope = _CLOUD_SCOPE if email else _SCOPE
        if self._file is None:
            url = f"{self._metadata}/instance/service-accounts/default/token"
            query = {"scopes": scope}
            answer = await self.api.send("GET", url, query=query, headers=_FLAVOR, plain=True)
            token = self.api.read(answer, _Token)
        elif self._key:
            token = await self._by_key(self._file, self._key, scope)
        else:
            token = await self._exchanged(self._file)
        if email:
            url = f"{self.fields['iam_url'].rstrip('/')}/projects/-/serviceAccounts/{email}"
            token = await self._impersonated(
                f"{url}:generateAccessToken", token.access_token, _SCOPE
            )
        return token.access_token, token.expires_in

    async def _by_key(self, file: _KeyFile, key: RsaKey, scope: str) -> _Token:
        """Sign in with a service account's key (RFC 7523)."""
        start = int(self._now().timestamp())
        claims = {"iss": file.client_email, "scope": scope, "aud": file.token_uri}
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": key.jwt(
                {**claims, "iat": start, "exp": start + _HOUR}, key_id=file.private_key_id
            ),
        }
        answer = await self.api.send("POST", file.token_uri, form=form, plain=True, repeatable=True)
        return self.api.read(answer, _Token)

    async def _exchanged(self, file: _KeyFile) -> _Token:
        """Exchange another service's token for one of Google's (RFC 8693)."""
        subject = await self._subject_token(file.credential_source)
        self.api.hide(subject)
        further = file.service_account_impersonation_url
        scope = _CLOUD_SCOPE if self.fields["impersonate"] else _SCOPE
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": file.audience,
            "scope": _CLOUD_SCOPE if further else scope,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": file.subject_token_type,
            "subject_token": subject,
        }
        answer = await self.api.send("POST", file.token_url, form=form, plain=True, repeatable=True)
        token = self.api.read(answer, _Token)
        if not further:
            return token
        return await self._impersonated(further, token.access_token, scope)

    async def _subject_token(self, source: _Source) -> str:
        if source.file:
            text = _read(source.file)
        elif source.url:
            answer = await self.api.send("GET", source.url, headers=source.headers, plain=True)
            text = answer.body.decode("utf-8", "replace")
        else:
            raise ProviderCredentialsError("credentials have neither a file nor a url as a source")
        if source.format.type != "json":
            return text.strip()
        try:
            found = msgspec.json.decode(text, type=dict[str, Any])
        except msgspec.DecodeError:
            found = {}
        token = found.get(source.format.subject_token_field_name)
        if not isinstance(token, str):
            raise ProviderCredentialsError("the source of the token is not JSON that has it")
        return token

    async def _impersonated(self, url: str, token: str, scope: str) -> _Token:
        self.api.hide(token)
        answer = await self.api.send(
            "POST",
            url,
            json={"scope": [scope], "lifetime": f"{_HOUR}s"},
            headers=bearer(token),
            plain=True,
            repeatable=True,
        )
        return _Token(self.api.read(answer, _ForeignToken).access_token)


def _key_file(text: str) -> _KeyFile | None:
    if not text:
        return None
    try:
        file = msgspec.json.decode(text, type=_KeyFile)
    except msgspec.DecodeError as error:
        raise InvalidInputError(
            "credentials are not the JSON of a service account's key or of a workload identity"
            " federation: use --field credentials=@FILE"
        ) from error
    if file.type not in ("service_account", "external_account"):
        raise InvalidInputError(
            "credentials are of another type: only service_account and external_account can be used"
        )
    return file


def _read(path: str) -> str:
    try:  # each time, because it is replaced before it ends
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderCredentialsError(
            f"the token cannot be read from {path}, which credentials names"
        ) from error


def _next_page(page: object) -> dict[str, object] | None:
    token = place_in(page, "nextPageToken")
    return {"pageToken": token} if token else None
