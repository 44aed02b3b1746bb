"""Who calls: the cluster's front proxy proves itself by TLS, and names the user for whom it asks.

As Kubernetes has it in "Configure the Aggregation Layer" (2026): what a front proxy may be is in
the ConfigMap ``kube-system/extension-apiserver-authentication``, and whether the user may do what
is asked is for a SubjectAccessReview to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

import msgspec
from cryptography import x509
from starlette.datastructures import Headers
from starlette.requests import Request

from zoneproof.core.errors import ConfigError, KubernetesError
from zoneproof.core.text import sanitize
from zoneproof.kubernetes import KubernetesClient
from zoneproof.serving.requests import client_certificate
from zoneproof.serving.responses import HttpError

_NAMESPACE, _NAME = "kube-system", "extension-apiserver-authentication"
_REVIEWS = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
_CLOSE = {"Connection": "close"}


@dataclass(frozen=True)
class FrontProxy:
    """What the cluster says of its front proxy.

    ``cas`` are PEM. ``names`` are the common names that its certificate may have, any if there are
    none. The headers are those that carry the user; a prefix of extra ones is without its rest.
    """

    cas: str
    names: frozenset[str] = frozenset()
    user_headers: tuple[str, ...] = ("X-Remote-User",)
    uid_headers: tuple[str, ...] = ()
    group_headers: tuple[str, ...] = ("X-Remote-Group",)
    extra_prefixes: tuple[str, ...] = ("X-Remote-Extra-",)


class _ConfigMap(msgspec.Struct):
    data: dict[str, str] = {}


async def read_front_proxy(api: KubernetesClient) -> FrontProxy:
    """Ask the cluster. Raises KubernetesError, and ConfigError for a cluster without one."""
    where = f"ConfigMap {_NAMESPACE}/{_NAME}"
    found = await api.get(f"/api/v1/namespaces/{_NAMESPACE}/configmaps/{_NAME}", _ConfigMap)
    data = found.data if found else {}
    cas = data.get("requestheader-client-ca-file", "")
    if not cas.strip():
        raise ConfigError(
            f"{where} has no requestheader-client-ca-file: the aggregation layer of this cluster is"
            " not set up, so no extension API server can work in it"
        )

    def listed(key: str, otherwise: tuple[str, ...]) -> tuple[str, ...]:
        if key not in data:
            return otherwise
        try:  # Go writes a list with nothing in it as null
            return msgspec.json.decode(data[key] or "null", type=tuple[str, ...] | None) or ()
        except msgspec.DecodeError as error:
            raise ConfigError(f"{where}: '{key}' is not a JSON list of texts") from error

    return FrontProxy(
        cas=cas,
        names=frozenset(listed("requestheader-allowed-names", ())),
        user_headers=listed("requestheader-username-headers", FrontProxy.user_headers),
        uid_headers=listed("requestheader-uid-headers", FrontProxy.uid_headers),
        group_headers=listed("requestheader-group-headers", FrontProxy.group_headers),
        extra_prefixes=listed("requestheader-extra-headers-prefix", FrontProxy.extra_prefixes),
    )


@dataclass(frozen=True)
class KubernetesUser:
    """The user for whom the front proxy asks."""

    user: str
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def authenticate(request: Request, proxy: FrontProxy) -> KubernetesUser:
    """Return who calls. Raises HttpError 401 for everybody but the front proxy."""
    shown = client_certificate(request)
    if shown is None:
        raise HttpError(
            401,
            "unauthenticated",
            "only the Kubernetes API server may call, with its front-proxy certificate",
            _CLOSE,
        )
    names = {
        str(one.value) for one in shown.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    }
    if proxy.names and not names & proxy.names:
        told = sanitize(", ".join(sorted(names)) or "nobody")
        raise HttpError(
            401, "unauthenticated", f"a certificate of {told} is not one of the front proxy", _CLOSE
        )
    user = _first(request.headers, proxy.user_headers)
    if not user:
        raise HttpError(401, "unauthenticated", "the front proxy names no user")
    return KubernetesUser(
        user,
        _first(request.headers, proxy.uid_headers),
        tuple(value for name in proxy.group_headers for value in request.headers.getlist(name)),
        _extra(request.headers, proxy.extra_prefixes),
    )


def _first(headers: Headers, names: tuple[str, ...]) -> str:
    return next((value for name in names if (value := headers.get(name, ""))), "")


def _extra(headers: Headers, prefixes: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for name, value in headers.items():
        for prefix in prefixes:
            if name.lower().startswith(prefix.lower()):
                key = unquote(name[len(prefix) :]).lower()
                found[key] = (*found.get(key, ()), value)
    return found


class _ReviewStatus(msgspec.Struct):
    allowed: bool = False
    denied: bool = False
    reason: str = ""


class _Review(msgspec.Struct):
    status: _ReviewStatus


async def authorize(
    api: KubernetesClient, caller: KubernetesUser, attributes: Mapping[str, str]
) -> None:
    """Raise HttpError 403 unless the cluster lets the caller do what ``attributes`` say.

    503 if it cannot be asked.
    """
    question = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {
            "user": caller.user,
            "uid": caller.uid,
            "groups": caller.groups,
            "extra": caller.extra,
            "resourceAttributes": attributes,
        },
    }
    try:
        reply = await api.send("POST", _REVIEWS, body=question, repeatable=True)
        found = api.read(reply, _Review).status
    except KubernetesError as error:
        raise HttpError(503, "unavailable", error.message) from error
    if not found.allowed or found.denied:
        what = f"{attributes['verb']} {attributes['resource']} of {attributes['group']}"
        reason = f": {sanitize(found.reason)}" if found.reason else ""
        raise HttpError(403, "forbidden", f"{sanitize(caller.user)} may not {what}{reason}")
