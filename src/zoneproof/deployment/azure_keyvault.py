"""The task that imports a certificate into an Azure Key Vault, as a new version of its name."""

from __future__ import annotations

import base64
import re
import secrets
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import ClassVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from zoneproof.acme import key_from_pem
from zoneproof.core.errors import InvalidInputError, ProviderError
from zoneproof.core.fields import CredentialField
from zoneproof.core.text import sanitize
from zoneproof.core.webhooks import check_url
from zoneproof.deployment.api import api_client, with_key
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.deployment.parts import pkcs12_file
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.azure_identity import (
    ERRORS,
    IDENTITY_FIELDS,
    LOGIN_FIELDS,
    REFUSALS,
    AzureIdentity,
)

_RESOURCES = {  # what a token is for
    "public": "https://vault.azure.net",
    "usgovernment": "https://vault.usgovcloudapi.net",
    "china": "https://vault.azure.cn",
}
_VERSION = {"api-version": "7.4"}
_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_NOT_IN_NAME = re.compile(r"[^0-9A-Za-z-]")
_NOT_THERE = 404


class _Present(msgspec.Struct):
    cer: str = ""  # base64 of DER
    id: str = ""


def _check_name(text: str) -> str:
    if not _NAME.fullmatch(text.replace("{name}", "name")):
        raise InvalidInputError(
            f"certificate: '{sanitize(text)}' cannot be a name in a Key Vault: use letters, digits"
            " and '-', at most 127"
        )
    return text


class AzureKeyvault:
    """Imports under the same name, unless the newest version there is the certificate already."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="azure-keyvault",
        title="Azure Key Vault",
        homepage="https://learn.microsoft.com/rest/api/keyvault/certificates/import-certificate",
        target="certificate",
        spelled=partial(_NOT_IN_NAME.sub, "-"),
        machine=("vault",),
        fields=(
            CredentialField(
                "vault",
                "address of the vault, such as https://NAME.vault.azure.net",
                url=True,
                check=check_url,
            ),
            CredentialField(
                "certificate",
                "name there, in which {name} is the certificate's name with '-' for its dots",
                default="{name}",
                check=_check_name,
            ),
            *IDENTITY_FIELDS,
            *LOGIN_FIELDS,
        ),
        notes="Each issuance becomes a new version of the same name, which App Service, Application"
        " Gateway, Front Door and the CSI driver take up by themselves where they name no version."
        " Front Door takes no EC key at all, and App Service none out of a vault: for these"
        " `zoneproof edit NAME --key-type rsa2048`."
        " The key stays exportable, because they read it as a secret: the policy of the certificate"
        " becomes that of an imported one (PKCS #12, issuer Unknown). The identity needs"
        " `certificates/get` and `certificates/import`, as the role `Key Vault Certificates"
        " Officer` has them.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context, self._fields = context, context.fields
        self._url = self._fields["vault"].rstrip("/")
        resource = _RESOURCES[self._fields["cloud"]]
        self._identity = AzureIdentity("deployment task azure-keyvault", self._fields, resource)

    async def run(self, occasion: Occasion) -> str:
        """Import it."""
        material, key = with_key(occasion)
        name = _check_name(self.info.named(self._fields["certificate"], occasion.certificate))
        where = f"{self._url}/certificates/{name}"
        leaf = material.chain.leaf.public_bytes(Encoding.DER)
        password = secrets.token_urlsafe(24)
        # Key Vault does not open PKCS #12 files that are encrypted with AES.
        data = pkcs12_file(name, material.chain, key, password.encode(), legacy=True)
        body = {
            "value": base64.b64encode(data).decode(),
            "pwd": password,
            "policy": {
                "key_props": {"exportable": True, "reuse_key": False, **_kind_of(key)},
                "secret_props": {"contentType": "application/x-pkcs12"},
                "issuer": {"name": "Unknown"},
            },
        }
        async with self._client() as client:
            if await _present(client, name) == leaf:
                return f"{where} has it already"
            client.hide(password)
            answer = await client.send(
                "POST",
                f"/certificates/{name}/import",
                query=_VERSION,
                json=body,
                where="importing",
            )
            version = client.read(answer, _Present).id.rpartition("/")[2]
        return f"imported as {where}, version {sanitize(version, limit=40)}"

    async def problems(self) -> list[str]:
        """Sign in, and look at the certificate that is there."""
        name = _check_name(self.info.named(self._fields["certificate"], "zoneproof"))
        async with self._client() as client:
            await _present(client, name)
        return []

    def _client(self) -> AbstractAsyncContextManager[ApiClient]:
        return api_client(
            self._context,
            f"Azure Key Vault {self._url}",
            self._url,
            secrets=filter(None, [self._fields["client_secret"]]),
            sign_in=self._identity.sign_in,
            refusals=REFUSALS,
            errors=ERRORS,
        )


def _kind_of(pem: bytes) -> dict[str, str | int]:
    """Return what the key is, as the example of the reference has it in the policy."""
    key = key_from_pem(pem)
    if isinstance(key, RSAPrivateKey):
        return {"kty": "RSA", "key_size": key.key_size}
    return {"kty": "EC", "crv": f"P-{key.key_size}"}


async def _present(client: ApiClient, name: str) -> bytes:
    """Return the newest version there (DER), empty for none."""
    answer = await client.send(
        "GET", f"/certificates/{name}", query=_VERSION, expected=(200, _NOT_THERE), where="looking"
    )
    if answer.status == _NOT_THERE:
        return b""
    try:
        return base64.b64decode(client.read(answer, _Present).cer, validate=True)
    except ValueError as error:
        raise ProviderError("the certificate that is there is not base64") from error
