"""The task that writes a certificate into a Secret of a Kubernetes cluster."""

from __future__ import annotations

import base64
import os
import re
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import msgspec

from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.core.fields import CredentialField
from zoneproof.core.files import absolute_path, read_file
from zoneproof.core.text import sanitize
from zoneproof.core.webhooks import check_url
from zoneproof.deployment.api import api_client, with_key
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.providers.api_request import Body, bearer, token_field

_FOLDER = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TYPE = "kubernetes.io/tls"
_NAME = re.compile(r"[a-z0-9{]([a-z0-9.{}-]{0,251}[a-z0-9}])?")
_PAIR = re.compile(r"([A-Za-z0-9./_-]{1,317})=([^,;]{0,253})")
_NOT_THERE = 404


class _Found(msgspec.Struct):
    type: str = ""


def _check_name(field: str, text: str) -> None:
    if not _NAME.fullmatch(text):
        raise InvalidInputError(f"{field}: '{sanitize(text)}' cannot be a name in Kubernetes")


def _pairs(field: str, text: str) -> dict[str, str]:
    """Read ``key=value`` with ';' between. Raises InvalidInputError."""
    pairs = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        found = _PAIR.fullmatch(part)
        if not found:
            raise InvalidInputError(f"{field}: '{sanitize(part)}' must be key=value")
        pairs[found[1]] = found[2]
    return pairs


class Kubernetes:
    """Applies a Secret of the type ``kubernetes.io/tls``."""

    info: ClassVar[TaskInfo] = TaskInfo(
        slug="kubernetes",
        title="Kubernetes Secret",
        homepage="https://kubernetes.io/docs/concepts/configuration/secret/#tls-secrets",
        fields=(
            CredentialField(
                "secret",
                "name of the Secret, in which {name} is the certificate's name",
                default="{name}-tls",
                check=partial(_check_name, "secret"),
            ),
            CredentialField(
                "namespace",
                "its namespace",
                default="default",
                check=partial(_check_name, "namespace"),
            ),
            CredentialField(
                "labels",
                "labels, key=value with ';' between",
                default="",
                check=partial(_pairs, "labels"),
            ),
            CredentialField(
                "annotations",
                "annotations, key=value with ';' between",
                default="",
                check=partial(_pairs, "annotations"),
            ),
            CredentialField(
                "server",
                "address of the API; empty for the cluster that this runs in",
                default="",
                url=True,
                check=check_url,
            ),
            token_field("token", "token of a service account, with a server", default=""),
            CredentialField(
                "ca_bundle",
                "PEM file of the cluster's CA, with a server",
                default="",
                check=partial(absolute_path, "ca_bundle"),
            ),
        ),
        notes="The Secret is made or changed by server-side apply, as the field manager"
        " `zoneproof`: what others have set in it stays. In a pod no server is needed: the pod's"
        " service account is used. Elsewhere give a server and the token of a service account"
        " (`kubectl create token`, or a Secret of the type `kubernetes.io/service-account-token`)."
        " Its role needs `get`, `create` and `patch` for that Secret. A Secret of another type is"
        " left alone.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context, self._fields = context, context.fields
        if bool(self._fields["server"]) != bool(self._fields["token"]):
            raise InvalidInputError(
                "deployment task kubernetes needs both a server and a token, or neither in a pod"
            )

    async def run(self, occasion: Occasion) -> str:
        """Apply the Secret."""
        material, key = with_key(occasion)
        name = self._fields["secret"].replace("{name}", occasion.certificate)
        _check_name("secret", name)
        namespace = self._fields["namespace"]
        where = f"{namespace}/{name}"
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": _pairs("labels", self._fields["labels"]),
                "annotations": _pairs("annotations", self._fields["annotations"]),
            },
            "type": _TYPE,
            "data": {
                "tls.crt": base64.b64encode(material.chain.pem).decode(),
                "tls.key": base64.b64encode(key).decode(),
            },
        }
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        async with self._client() as client:
            answer = await client.send("GET", path, expected=(200, _NOT_THERE))
            if answer.status != _NOT_THERE:
                kind = client.read(answer, _Found).type
                if kind != _TYPE:
                    raise DeploymentError(
                        f"the Secret {where} is of the type {sanitize(kind)}, not {_TYPE}: name"
                        " another one, or delete it"
                    )
            await client.send(
                "PATCH",
                path,
                query={"fieldManager": "zoneproof", "force": "true"},
                body=Body(msgspec.json.encode(body), "application/apply-patch+yaml"),
                repeatable=True,
                where=where,
            )
        return f"the Secret {where} is applied"

    async def problems(self) -> list[str]:
        """Ask the API whether it may be used."""
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {
                "resourceAttributes": {
                    "namespace": self._fields["namespace"],
                    "verb": "patch",
                    "resource": "secrets",
                }
            },
        }
        try:
            async with self._client() as client:
                path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
                answer = await client.send("POST", path, json=review, repeatable=True)
                allowed = client.read(answer, _Review).status.allowed
        except DeploymentError as error:
            return [error.message]
        namespace = self._fields["namespace"]
        return [] if allowed else [f"the token may not patch Secrets in {namespace}"]

    def _client(self) -> Any:
        server, token = self._fields["server"], self._fields["token"]
        bundle = self._fields["ca_bundle"]
        if not server:
            host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
            port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
            try:
                token = read_file(_FOLDER / "token").decode().strip()
            except (OSError, UnicodeDecodeError):
                token = ""
            if not host or not token:
                raise DeploymentError(
                    "this is not a pod with a service account: give a server and a token"
                )
            server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
            bundle = str(_FOLDER / "ca.crt")
        return api_client(
            self._context,
            f"Kubernetes at {server}",
            server,
            headers=bearer(token),
            secrets=[token],
            ca_bundle=bundle,
        )


class _Status(msgspec.Struct):
    allowed: bool = False


class _Review(msgspec.Struct):
    status: _Status
