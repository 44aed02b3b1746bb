"""The task that writes a certificate into a Secret of a Kubernetes cluster."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import ClassVar

import msgspec

from zoneproof.core.errors import DeploymentError, InvalidInputError, KubernetesError
from zoneproof.core.fields import CredentialField
from zoneproof.core.files import absolute_path
from zoneproof.core.text import sanitize
from zoneproof.core.webhooks import check_url
from zoneproof.deployment.api import with_key
from zoneproof.deployment.contract import Occasion, TaskContext, TaskInfo
from zoneproof.kubernetes import (
    ClusterAccess,
    KubernetesClient,
    in_cluster,
    read_kubeconfig,
    with_token,
)
from zoneproof.providers.fields import token_field

_TYPE = "kubernetes.io/tls"
_NAME = re.compile(r"[a-z0-9{]([a-z0-9.{}-]{0,251}[a-z0-9}])?")
_PAIR = re.compile(r"([A-Za-z0-9./_-]{1,317})=([^,;]{0,253})")


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
        target="secret",
        machine=("server", "kubeconfig", "context", "namespace"),
        fields=(
            CredentialField(
                "secret",
                "name of the Secret, in which {name} is the certificate's name",
                default="{name}-tls",
                check=partial(_check_name, "secret"),
            ),
            CredentialField(
                "namespace",
                "its namespace; empty for that of the context or the pod",
                default="",
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
                "kubeconfig",
                "absolute path of a kubeconfig file; empty, as server, for the cluster that this"
                " runs in",
                default="",
                check=partial(absolute_path, "kubeconfig"),
            ),
            CredentialField(
                "context", "context in that file, empty for its current one", default=""
            ),
            CredentialField(
                "server",
                "address of the API, instead of a kubeconfig",
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
        " `zoneproof`: what others have set in it stays. In a pod neither a kubeconfig nor a server"
        " is needed: the pod's service account is used. A kubeconfig may sign in by a token, a file"
        " with one, a client certificate, or a program (`exec`: `aws eks get-token`, `kubelogin`,"
        " `gke-gcloud-auth-plugin`), which must not ask anybody and runs as the user that Zoneproof"
        " runs as; `insecure-skip-tls-verify` is refused. It needs the extra `kubernetes`"
        " (`/opt/zoneproof/bin/pip install '.[kubernetes]'` in Zoneproof's folder), unless the file"
        " is JSON. With a server give the token of a service account (`kubectl create token`, or a"
        " Secret of the type `kubernetes.io/service-account-token`). The role needs `get`, `create`"
        " and `patch` for that Secret. A Secret of another type is left alone.",
    )

    def __init__(self, context: TaskContext) -> None:
        self._context, self._fields = context, context.fields
        fields = self._fields
        if bool(fields["server"]) != bool(fields["token"]):
            raise InvalidInputError(
                "deployment task kubernetes needs both a server and a token, or neither in a pod"
            )
        if fields["kubeconfig"] and fields["server"]:
            raise InvalidInputError(
                "deployment task kubernetes needs a kubeconfig or a server, not both"
            )
        if fields["context"] and not fields["kubeconfig"]:
            raise InvalidInputError(
                "deployment task kubernetes needs a kubeconfig to find the context in"
            )

    async def run(self, occasion: Occasion) -> str:
        """Apply the Secret."""
        material, key = with_key(occasion)
        name = self.info.named(self._fields["secret"], occasion.certificate)
        _check_name("secret", name)
        async with self._client() as (client, namespace):
            where = f"{namespace}/{name}"
            path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
            found = await client.get(path, _Found)
            if found and found.type != _TYPE:
                raise DeploymentError(
                    f"the Secret {where} is of the type {sanitize(found.type)}, not {_TYPE}: name"
                    " another one, or delete it"
                )
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
            await client.apply(path, body)
        return f"the Secret {where} is applied"

    async def problems(self) -> list[str]:
        """Ask the API whether it may be used for this Secret: a role may name those that it is for.

        https://kubernetes.io/docs/reference/access-authn-authz/rbac/#referring-to-resources
        """
        secret = self._fields["secret"]
        if self._context.certificate:
            secret = self.info.named(secret, self._context.certificate)
        name = "" if "{" in secret else secret
        async with self._client() as (client, namespace):
            if not await client.may("patch", "secrets", namespace, name=name):
                what = f"the Secret {namespace}/{name}" if name else f"Secrets in {namespace}"
                return [f"these credentials may not patch {what}"]
        return []

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[tuple[KubernetesClient, str]]:
        """Open a client, and say the namespace."""
        context = self._context
        try:
            access = self._access()
            namespace = self._fields["namespace"] or access.namespace
            async with KubernetesClient(access, sleep=context.sleep, now=context.now) as client:
                yield client, namespace
        except KubernetesError as error:
            raise DeploymentError(error.message) from error

    def _access(self) -> ClusterAccess:
        fields = self._fields
        if fields["kubeconfig"]:
            return read_kubeconfig(Path(fields["kubeconfig"]), fields["context"])
        if fields["server"]:
            bundle = Path(fields["ca_bundle"]) if fields["ca_bundle"] else None
            return with_token(fields["server"], fields["token"], bundle)
        try:
            return in_cluster()
        except KubernetesError as error:
            raise DeploymentError(f"{error.message}: give a kubeconfig, or a server") from error
