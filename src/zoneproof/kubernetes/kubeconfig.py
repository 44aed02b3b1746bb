"""Reads kubeconfig files: clusters, users and the contexts that join them.

As "Organizing Cluster Access Using kubeconfig Files" and the reference of ``v1.Config`` have it
(kubernetes.io, 2026). What cannot be done safely, or is gone from Kubernetes, is refused in words.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from zoneproof.core.errors import InvalidInputError, KubernetesError
from zoneproof.core.files import read_file
from zoneproof.core.text import sanitize, with_extra
from zoneproof.core.webhooks import check_url
from zoneproof.core.yaml import decode_yaml
from zoneproof.kubernetes.access import (
    ClusterAccess,
    ClusterCredential,
    ClusterCredentials,
    StaticCredential,
    TokenFile,
    check_token,
    read_pem,
)
from zoneproof.kubernetes.exec_plugin import API_VERSIONS, ExecPlugin


class _Cluster(msgspec.Struct, rename="kebab"):
    server: str = ""
    certificate_authority: str = ""
    certificate_authority_data: str = ""
    insecure_skip_tls_verify: bool = False
    tls_server_name: str = ""
    proxy_url: str = ""
    extensions: Any = None


class _Variable(msgspec.Struct):
    name: str
    value: str


class _Exec(msgspec.Struct, rename="camel"):
    command: str
    api_version: str = ""
    args: list[str] | None = None
    env: list[_Variable] | None = None
    install_hint: str = ""
    provide_cluster_info: bool = False
    interactive_mode: str = ""


class _User(msgspec.Struct, rename="kebab"):
    client_certificate: str = ""
    client_certificate_data: str = ""
    client_key: str = ""
    client_key_data: str = ""
    token: str = ""
    token_file: str = msgspec.field(name="tokenFile", default="")
    username: str = ""
    act_as: str = msgspec.field(name="as", default="")
    auth_provider: Any = None
    exec: _Exec | None = None


class _Context(msgspec.Struct):
    cluster: str = ""
    user: str = ""
    namespace: str = ""


class _NamedCluster(msgspec.Struct):
    name: str
    cluster: _Cluster


class _NamedUser(msgspec.Struct):
    name: str
    user: _User | None = None


class _NamedContext(msgspec.Struct):
    name: str
    context: _Context


class _Config(msgspec.Struct, rename="kebab"):
    current_context: str = ""
    clusters: list[_NamedCluster] | None = None
    users: list[_NamedUser] | None = None
    contexts: list[_NamedContext] | None = None


def read_kubeconfig(path: Path, context: str = "") -> ClusterAccess:
    """Return the access that a context describes, the current one if none is named.

    Paths in the file are relative to its folder. Raises KubernetesError, which names the file and
    what to change in it.
    """
    return _Reader(path).access(context)


class _Reader:
    """One file; its messages begin with its path."""

    def __init__(self, path: Path) -> None:
        self._path, self._folder = path, path.parent
        self._config = self._decode()

    def access(self, wanted: str) -> ClusterAccess:
        config = self._config
        name = wanted or config.current_context
        if not name:
            raise self._error(
                "it has no current-context: name one of"
                f" {_names(config.contexts) or 'those of another file'}"
            )
        found = next((one for one in config.contexts or () if one.name == name), None)
        if found is None:
            raise self._error(
                f"there is no context '{sanitize(name)}' in it: it has"
                f" {_names(config.contexts) or 'none'}"
            )
        context = found.context
        cluster = next(
            (one.cluster for one in config.clusters or () if one.name == context.cluster), None
        )
        user = next((one.user for one in config.users or () if one.name == context.user), None)
        if cluster is None or user is None:
            kind, what = ("cluster", context.cluster) if cluster is None else ("user", context.user)
            raise self._error(
                f"the context '{sanitize(name)}' names the {kind} '{sanitize(what)}', which is not"
                " in it"
            )
        server, ca = self._cluster(cluster, context.cluster)
        credentials = self._user(user, context.user, cluster, ca)
        return ClusterAccess(server, credentials, ca, context.namespace or "default")

    def _decode(self) -> _Config:
        try:
            content = read_file(self._path)
        except OSError as error:
            raise self._error(f"it cannot be read: {error.strerror}") from error
        try:
            return _decode(content)
        except InvalidInputError as error:
            raise self._error(error.message) from error
        except ImportError as error:
            raise self._error(f"reading YAML needs PyYAML: {with_extra('kubernetes')}") from error
        except msgspec.ValidationError as error:
            raise self._error(f"it is not a kubeconfig: {sanitize(str(error))}") from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._error("it is not YAML") from error

    def _cluster(self, cluster: _Cluster, name: str) -> tuple[str, bytes]:
        where = f"the cluster '{sanitize(name)}'"
        if cluster.insecure_skip_tls_verify:
            raise self._error(
                f"{where} has insecure-skip-tls-verify, with which anybody could take the key:"
                " give the cluster's CA instead, certificate-authority-data"
            )
        for setting, value in (
            ("tls-server-name", cluster.tls_server_name),
            ("proxy-url", cluster.proxy_url),
        ):
            if value:
                raise self._error(f"{where} has {setting}, which is not supported")
        try:
            server = check_url(cluster.server)
        except InvalidInputError as error:
            raise self._error(f"{where}: {error.message.replace('url', 'server', 1)}") from error
        ca = self._pem(
            cluster.certificate_authority_data, cluster.certificate_authority, where, "CA"
        )
        return server.rstrip("/"), ca

    def _user(self, user: _User, name: str, cluster: _Cluster, ca: bytes) -> ClusterCredentials:
        where = f"the user '{sanitize(name)}'"
        if user.auth_provider:
            raise self._error(
                f"{where} has an auth-provider, which Kubernetes has given up: use a credential"
                " plugin (exec)"
            )
        if user.username:
            raise self._error(f"{where} signs in by a password, which Kubernetes has given up")
        if user.act_as:
            raise self._error(f"{where} acts as another one ('as'), which is not supported")
        if user.exec:
            return self._plugin(user.exec, where, cluster, ca)
        certificate = self._pem(
            user.client_certificate_data, user.client_certificate, where, "client certificate"
        )
        key = self._pem(user.client_key_data, user.client_key, where, "client key")
        if bool(certificate) != bool(key):
            raise self._error(f"{where} needs both a client certificate and its key")
        if user.token_file and not certificate:
            return TokenFile(self._folder / user.token_file)
        if not user.token and not certificate:
            raise self._error(f"{where} has no token, no client certificate and no plugin (exec)")
        try:
            token = check_token(user.token, where)
        except KubernetesError as error:
            raise self._error(error.message) from error
        return StaticCredential(ClusterCredential(token, certificate, key))

    def _plugin(self, plugin: _Exec, where: str, cluster: _Cluster, ca: bytes) -> ExecPlugin:
        if plugin.api_version not in API_VERSIONS:
            raise self._error(
                f"{where} has a plugin of the version '{sanitize(plugin.api_version)}': known are"
                f" {', '.join(API_VERSIONS)}"
            )
        if plugin.interactive_mode == "Always":
            raise self._error(
                f"{where} has a plugin that asks a person (interactiveMode: Always), and there is"
                " none at a renewal"
            )
        if not plugin.command:
            raise self._error(f"{where} has a plugin without a command")
        told: dict[str, object] = {"server": cluster.server}
        if ca:
            told["certificate-authority-data"] = base64.b64encode(ca).decode()
        return ExecPlugin(
            plugin.command,
            plugin.args or (),
            {one.name: one.value for one in plugin.env or ()},
            plugin.api_version,
            self._folder,
            plugin.install_hint,
            told if plugin.provide_cluster_info else None,
        )

    def _pem(self, data: str, file: str, where: str, what: str) -> bytes:
        """Return what is given in base64, or else in a file, or nothing."""
        if not data:
            return read_pem(self._folder / file) if file else b""
        try:  # line breaks do no harm, as to Go
            return base64.b64decode("".join(data.splitlines()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise self._error(f"{where}: its {what} is not base64") from error

    def _error(self, message: str) -> KubernetesError:
        return KubernetesError(f"{self._path}: {message}")


def _decode(content: bytes) -> _Config:
    try:
        found: object = msgspec.json.decode(content)  # for which no other package is needed
    except msgspec.DecodeError:
        found = decode_yaml(content, object)
    return msgspec.convert(found, _Config)


def _names(contexts: Iterable[_NamedContext] | None) -> str:
    return sanitize(", ".join(one.name for one in contexts or ()), limit=300)
