"""Who signs in to Google Cloud: a service account, another service's token, or the machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import msgspec
from cryptography import x509

from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError, ProviderError
from zoneproof.core.fields import CredentialField
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.api_request import bearer
from zoneproof.providers.expiring_key import not_told
from zoneproof.providers.fields import token_field, url_field
from zoneproof.providers.refusals import WRONG_KEY, ErrorBody, Refusals
from zoneproof.providers.rsa_key import RsaKey

CLOUD_SCOPE = "https://www.googleapis.com/auth/cloud-platform"  # which impersonation needs, too
_HOUR = 3600
_NEVER = 9999  # the year
_GOOGLE = ("accounts.google.com",)  # where older keys sign in
_FLAVOR = {"Metadata-Flavor": "Google"}

ERRORS = ErrorBody(
    codes=("error.errors.0.reason", "error.status", "error"),
    messages=("error.message", "error_description"),
)
REFUSALS: Refusals = MappingProxyType(
    dict.fromkeys(("invalid_grant", "invalid_client", "unauthorized_client"), WRONG_KEY)
)
CREDENTIALS = CredentialField(
    "credentials",
    "JSON of a service account's key or of a workload identity federation; empty on a"
    " machine in Google Cloud",
    secret=True,
    default="",
)
IMPERSONATE = token_field(
    "impersonate", "service account to act as, an address", secret=False, default=""
)
LOGIN_FIELDS = (
    url_field(
        "metadata_url", "where the machine's metadata server is", "http://metadata.google.internal"
    ),
    url_field(
        "iam_url",
        "where service accounts are impersonated",
        "https://iamcredentials.googleapis.com/v1",
    ),
)


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int = _HOUR


class _ForeignToken(msgspec.Struct, rename="camel"):
    access_token: str


class _Format(msgspec.Struct):
    type: str = "text"
    subject_token_field_name: str = ""


class _Source(msgspec.Struct):
    environment_id: str = ""  # at AWS alone, whose url leads to no token
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
    client_x509_cert_url: str = ""
    token_uri: str = "https://oauth2.googleapis.com/token"  # noqa: S105  an address
    audience: str = ""
    subject_token_type: str = ""
    token_url: str = ""
    service_account_impersonation_url: str = ""
    credential_source: _Source = msgspec.field(default_factory=_Source)


class GoogleIdentity:
    """Signs in with the fields above, and ``project``, to do what ``scope`` allows.

    ``project`` is the one that the fields or the key name, empty on a machine that knows its own;
    ``secrets`` are not to be shown. ``where`` says in errors whose fields they are. Raises
    InvalidInputError for what cannot be used.
    """

    def __init__(
        self, where: str, fields: Mapping[str, str], scope: str, now: Callable[[], datetime]
    ) -> None:
        self._fields, self._scope, self._now = fields, scope, now
        self._file = _key_file(fields["credentials"])
        self._key = None
        self.secrets: tuple[str, ...] = ()
        if self._file and self._file.type == "service_account":
            self._key = RsaKey(self._file.private_key, "private_key of credentials")
            self.secrets = (self._file.private_key,)
        self.project = fields["project"] or (self._file.project_id if self._file else "")
        if self._file and not self.project:
            raise InvalidInputError(f"{where} needs the field 'project'")

    async def machine_project(self, api: ApiClient) -> str:
        """Return the id of the project that this machine belongs to. Raises ProviderError."""
        url = f"{self._metadata}/project/project-id"
        answer = await api.send("GET", url, headers=_FLAVOR, plain=True)
        return answer.body.decode("ascii", "replace").strip()

    @property
    def _metadata(self) -> str:
        return f"{self._fields['metadata_url'].rstrip('/')}/computeMetadata/v1"

    async def key_end(self, api: ApiClient) -> datetime | None:
        """Return when the service account's key expires: its certificate, which is public, says so.

        That of a key that never expires ends in the year 9999. Raises ProviderError.
        """
        if not self._file or not self._key:
            return None
        if not self._file.client_x509_cert_url:
            raise not_told()
        answer = await api.send("GET", self._file.client_x509_cert_url, plain=True)
        pem = api.read(answer, dict[str, str]).get(self._file.private_key_id, "")
        try:
            end = x509.load_pem_x509_certificate(pem.encode()).not_valid_after_utc
        except ValueError as error:
            raise ProviderError("it has no certificate of the key") from error
        return end if end.year < _NEVER else None

    async def sign_in(self, api: ApiClient) -> tuple[str, float]:
        """Return a token, and for how many seconds it is good. Raises ProviderError."""
        email = self._fields["impersonate"]
        scope = CLOUD_SCOPE if email else self._scope
        if self._file is None:
            url = f"{self._metadata}/instance/service-accounts/default/token"
            query = {"scopes": scope}
            answer = await api.send("GET", url, query=query, headers=_FLAVOR, plain=True)
            token = api.read(answer, _Token)
        elif self._key:
            token = await self._by_key(api, self._file, self._key, scope)
        else:
            token = await self._exchanged(api, self._file)
        if email:
            url = f"{self._fields['iam_url'].rstrip('/')}/projects/-/serviceAccounts/{email}"
            token = await _impersonated(
                api, f"{url}:generateAccessToken", token.access_token, self._scope
            )
        return token.access_token, token.expires_in

    async def _by_key(self, api: ApiClient, file: _KeyFile, key: RsaKey, scope: str) -> _Token:
        """Sign in with a service account's key (RFC 7523)."""
        start = int(self._now().timestamp())
        claims = {"iss": file.client_email, "scope": scope, "aud": file.token_uri}
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": key.jwt(
                {**claims, "iat": start, "exp": start + _HOUR}, key_id=file.private_key_id
            ),
        }
        answer = await api.send("POST", file.token_uri, form=form, plain=True, repeatable=True)
        return api.read(answer, _Token)

    async def _exchanged(self, api: ApiClient, file: _KeyFile) -> _Token:
        """Exchange another service's token for one of Google's (RFC 8693)."""
        subject = await _subject_token(api, file.credential_source)
        api.hide(subject)
        further = file.service_account_impersonation_url
        scope = CLOUD_SCOPE if self._fields["impersonate"] else self._scope
        form = {
            "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
            "audience": file.audience,
            "scope": CLOUD_SCOPE if further else scope,
            "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "subject_token_type": file.subject_token_type,
            "subject_token": subject,
        }
        answer = await api.send("POST", file.token_url, form=form, plain=True, repeatable=True)
        token = api.read(answer, _Token)
        if not further:
            return token
        return await _impersonated(api, further, token.access_token, scope)


async def _subject_token(api: ApiClient, source: _Source) -> str:
    if source.file:
        text = _read(source.file)
    else:
        answer = await api.send("GET", source.url, headers=source.headers, plain=True)
        text = answer.body.decode("utf-8", "replace")
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


async def _impersonated(api: ApiClient, url: str, token: str, scope: str) -> _Token:
    api.hide(token)
    answer = await api.send(
        "POST",
        url,
        json={"scope": [scope], "lifetime": f"{_HOUR}s"},
        headers=bearer(token),
        plain=True,
        repeatable=True,
    )
    return _Token(api.read(answer, _ForeignToken).access_token)


def uses_the_machine(fields: Mapping[str, str]) -> bool:
    """Tell whether they sign in otherwise than with a service account's key, and at Google.

    Then it is with the machine's account, with a token from a file or a URL that ``credentials``
    name, or at a URL that these name, which only this machine may reach. What cannot be read is
    none of this, and refused elsewhere.
    """
    try:
        file = _key_file(fields["credentials"])
    except InvalidInputError:
        return False
    return file is None or file.type != "service_account" or not _is_google(file.token_uri)


def _is_google(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    host = parts.hostname or ""
    return parts.scheme == "https" and (host in _GOOGLE or host.endswith(".googleapis.com"))


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
    source = file.credential_source
    if file.type == "external_account" and (
        source.environment_id or not (source.file or source.url)
    ):
        raise InvalidInputError(
            "credentials are of a federation whose token comes from AWS, a program or a"
            " certificate: it can come from a file or a URL only; else use a service account's key"
        )
    return file


def _read(path: str) -> str:
    try:  # each time, because it is replaced before it ends
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProviderCredentialsError(
            f"the token cannot be read from {path}, which credentials names"
        ) from error
