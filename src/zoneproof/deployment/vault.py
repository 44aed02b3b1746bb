"""The task that writes a certificate into the key/value store of HashiCorp Vault or OpenBao."""

from __future__ import annotations

import re
from functools import partial
from typing import Any, ClassVar

import msgspec

from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.core.fields import CredentialField
from zoneproof.core.files import absolute_path, read_file
from zoneproof.core.text import sanitize
from zoneproof.core.webhooks import check_url
from zoneproof.deployment.api import api_client, with_key
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.kubernetes.access import SERVICE_ACCOUNT
from zoneproof.providers.api_client import ApiClient
from zoneproof.providers.fields import token_field

_PATH = re.compile(r"[A-Za-z0-9_.{}-]+(?:/[A-Za-z0-9_.{}-]+)*")
_NOT_THERE = 404
# Which a Vault Agent or Proxy may require of all requests (require_request_header).
_HEADERS = {"X-Vault-Request": "true"}
_JWT = SERVICE_ACCOUNT / "token"


class _Auth(msgspec.Struct):
    client_token: str


class _Login(msgspec.Struct):
    auth: _Auth


class _Metadata(msgspec.Struct):
    version: int = 0


class _Versioned(msgspec.Struct):
    data: dict[str, Any] | None = None
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _Secret2(msgspec.Struct):
    data: _Versioned


class _Secret1(msgspec.Struct):
    data: dict[str, Any]


def _check_path(name: str, text: str) -> None:
    if not _PATH.fullmatch(text) or ".." in text:
        raise InvalidInputError(
            f"{name}: '{sanitize(text)}' is not a path in Vault: use names with '/' between"
        )


class HashicorpVault:
    """Reads the secret, and writes it if it differs; other keys in it stay."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="vault",
        title="HashiCorp Vault",
        homepage="https://developer.hashicorp.com/vault/api-docs/secret/kv",
        target="path",
        machine=("url", "namespace", "mount"),
        fields=(
            CredentialField("url", "Vault's address, with its port", url=True, check=check_url),
            CredentialField(
                "path",
                "path of the secret, in which {name} is the certificate's name",
                check=partial(_check_path, "path"),
            ),
            CredentialField(
                "mount",
                "where the store is mounted",
                default="secret",
                check=partial(_check_path, "mount"),
            ),
            CredentialField("kv_version", "version of the store", default="2", choices=("1", "2")),
            CredentialField("namespace", "namespace (Enterprise)", default=""),
            token_field("token", "token to sign in with", default=""),
            CredentialField("role_id", "AppRole to sign in as", default=""),
            token_field("secret_id", "its secret id", default=""),
            CredentialField(
                "kubernetes_role",
                "role to sign in as with this pod's service account",
                default="",
            ),
            CredentialField(
                "auth_mount",
                "where that way to sign in is mounted; approle or kubernetes if empty",
                default="",
            ),
            CredentialField(
                "ca_bundle",
                "PEM file of the roots to trust, empty for the usual",
                default="",
                check=partial(absolute_path, "ca_bundle"),
            ),
        ),
        notes="The secret gets `certificate` (with its chain), `ca_chain` and `private_key` (PEM)."
        " What else is in it stays. Sign in with a token, an AppRole or a Kubernetes role. A token"
        " is not renewed here, so it must live from one issuance to the next, which is longer than"
        " Vault's usual 32 days: an AppRole is better. The policy needs `read`, `create` and"
        " `update` for the path, with `data/` after the mount if the store has version 2.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context, self._fields = context, context.fields
        ways = [self._fields[name] for name in ("token", "role_id", "kubernetes_role")]
        if len(list(filter(None, ways))) != 1:
            raise InvalidInputError(
                "deployment task vault signs in by one of token, role_id and kubernetes_role"
            )
        self._where = f"Vault at {self._fields['url']}"

    async def run(self, occasion: Occasion) -> str:
        """Write the secret."""
        material, key = with_key(occasion)
        path = self.info.named(self._fields["path"], occasion.certificate)
        wanted = {
            "certificate": material.chain.pem.decode(),
            "ca_chain": material.chain.issuers_pem.decode(),
            "private_key": key.decode(),
        }
        async with self._client() as client:
            headers = await self._sign_in(client)
            changed = await self._write(client, headers, path, wanted)
        return f"{self._fields['mount']}/{path}: {'written' if changed else 'nothing to write'}"

    async def problems(self) -> list[str]:
        """Sign in."""
        async with self._client() as client:
            headers = await self._sign_in(client)
            await client.send("GET", "/v1/auth/token/lookup-self", headers=headers)
        return []

    def _client(self) -> Any:
        secrets = (self._fields["token"], self._fields["secret_id"])
        namespace = self._fields["namespace"]
        return api_client(
            self._context,
            self._where,
            self._fields["url"],
            headers=_HEADERS | ({"X-Vault-Namespace": namespace} if namespace else {}),
            secrets=filter(None, secrets),
            ca_bundle=self._fields["ca_bundle"],
        )

    async def _sign_in(self, client: ApiClient) -> dict[str, str]:
        """Return the header with a token."""
        fields = self._fields
        if fields["token"]:
            return {"X-Vault-Token": fields["token"]}
        if fields["role_id"]:
            mount, body = (
                "approle",
                {"role_id": fields["role_id"], "secret_id": fields["secret_id"]},
            )
        else:
            mount, body = "kubernetes", {"role": fields["kubernetes_role"], "jwt": _jwt()}
        path = f"/v1/auth/{fields['auth_mount'] or mount}/login"
        answer = await client.send("POST", path, json=body, where="signing in", repeatable=True)
        token = client.read(answer, _Login).auth.client_token
        client.hide(token)
        return {"X-Vault-Token": token}

    async def _write(
        self, client: ApiClient, headers: dict[str, str], path: str, wanted: dict[str, str]
    ) -> bool:
        """Write what differs; tell whether anything did."""
        has_versions = self._fields["kv_version"] == "2"
        place = f"/v1/{self._fields['mount']}/{'data/' if has_versions else ''}{path}"
        answer = await client.send("GET", place, headers=headers, expected=(200, _NOT_THERE))
        present: dict[str, Any] = {}
        version = 0
        # A deleted version is told with 404, too, and with its number.
        if has_versions and (answer.status != _NOT_THERE or b'"version"' in answer.body):
            found = client.read(answer, _Secret2).data
            present, version = found.data or {}, found.metadata.version
        elif answer.status != _NOT_THERE:
            present = client.read(answer, _Secret1).data
        if wanted.items() <= present.items():
            return False
        body: dict[str, Any] = present | wanted
        if has_versions:
            body = {"data": body, "options": {"cas": version}}
        where = "writing" if has_versions else ""
        await client.send(
            "POST", place, json=body, headers=headers, where=where, repeatable=not has_versions
        )
        return True


def _jwt() -> str:
    try:
        return read_file(_JWT).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise DeploymentError(
            f"there is no service account here ({_JWT}): sign in by a token or an AppRole"
        ) from error
