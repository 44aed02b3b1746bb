"""Who signs in to Azure: an application, a machine's managed identity, or a Kubernetes workload."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import msgspec

from zoneproof.core.errors import InvalidInputError, ProviderCredentialsError
from zoneproof.core.fields import CredentialField
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.fields import token_field, url_field
from zoneproof.providers.refusals import WRONG_KEY, ErrorBody, Refusal, Refusals

_TOKEN_FILE = "/var/run/secrets/azure/tokens/azure-identity-token"  # noqa: S105  a path
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_NEEDED: Mapping[str, tuple[str, ...]] = {
    "secret": ("tenant_id", "client_id", "client_secret"),
    "managed": (),
    "workload": ("tenant_id", "client_id"),
}
_LOGINS = {
    "public": "https://login.microsoftonline.com",
    "usgovernment": "https://login.microsoftonline.us",
    "china": "https://login.partner.microsoftonline.cn",
}

ERRORS = ErrorBody(
    codes=("error.code", "code", "error"),
    messages=("error.message", "message", "error_description"),
)
REFUSALS: Refusals = MappingProxyType(
    {
        **dict.fromkeys(("invalid_client", "unauthorized_client", "invalid_grant"), WRONG_KEY),
        "invalid_request": Refusal.wrong_key(
            "it does not sign this in",
            "check tenant_id and client_id, or assign a managed identity to this machine",
        ),
    }
)
IDENTITY_FIELDS = (
    CredentialField(
        "identity",
        "who signs in: an application with a secret, this machine's managed identity, or"
        " a Kubernetes service account (workload)",
        default="secret",
        choices=tuple(_NEEDED),
    ),
    token_field("tenant_id", "id of the directory (not for managed)", secret=False, default=""),
    token_field(
        "client_id",
        "id of the application, or of a user-assigned managed identity",
        secret=False,
        default="",
        needed_with="tenant_id",
    ),
    token_field("client_secret", "secret of the application", default=""),
)
LOGIN_FIELDS = (
    CredentialField("cloud", "which Azure", default="public", choices=tuple(_LOGINS), rare=True),
    CredentialField("token_file", "file with the workload's token", default=_TOKEN_FILE, rare=True),
    url_field("login_url", "where to sign in; the cloud's if empty"),
    url_field("metadata_url", "where the machine's metadata service is", "http://169.254.169.254"),
)


class _Token(msgspec.Struct):
    access_token: str
    expires_in: int | str  # text from the metadata service


class AzureIdentity:
    """Signs in with the fields above, to use ``resource``, a URL with its last slash if it has one.

    ``where`` says in errors whose fields they are. Raises InvalidInputError for one that is
    missing.
    """

    def __init__(self, where: str, fields: Mapping[str, str], resource: str) -> None:
        for name in _NEEDED[fields["identity"]]:
            if not fields[name]:
                raise InvalidInputError(
                    f"{where} with identity={fields['identity']} needs the field '{name}'"
                )
        self._fields, self._resource = fields, resource
        self._login = fields["login_url"].rstrip("/") or _LOGINS[fields["cloud"]]

    async def sign_in(self, api: ApiClient) -> tuple[str, float]:
        """Return a token, and for how many seconds it is good. Raises ProviderError."""
        fields = self._fields
        if fields["identity"] == "managed":
            query = {"api-version": "2018-02-01", "resource": self._resource}
            answer = await api.send(
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
                "scope": f"{self._resource.rstrip('/')}/.default",
                **self._proof(api),
            }
            url = f"{self._login}/{fields['tenant_id']}/oauth2/v2.0/token"
            answer = await api.send("POST", url, form=form, plain=True, repeatable=True)
        token = api.read(answer, _Token)
        return token.access_token, float(token.expires_in)

    def _proof(self, api: ApiClient) -> dict[str, str]:
        if self._fields["identity"] == "secret":
            return {"client_secret": self._fields["client_secret"]}
        try:  # which Kubernetes replaces before it ends, so it is read each time
            assertion = Path(self._fields["token_file"]).read_text("ascii").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ProviderCredentialsError(
                f"the workload's token cannot be read from {self._fields['token_file']}; label the"
                " pod with azure.workload.identity/use, or set token_file"
            ) from error
        api.hide(assertion)
        return {"client_assertion_type": _ASSERTION, "client_assertion": assertion}
