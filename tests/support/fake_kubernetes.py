"""A fake of the few parts of the Kubernetes API that are used here, for a handler of a server.

It follows the API reference of Kubernetes 1.37 and its OpenAPI: Secret v1, ConfigMap v1,
SubjectAccessReview and SelfSubjectAccessReview (authorization.k8s.io/v1), Status (meta/v1); and
kubernetes.io/docs/reference/using-api/server-side-apply (field managers, conflicts, force). Nothing
here lists or watches, so 410 cannot come about.
"""

from __future__ import annotations

import base64
import copy
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import parse_qsl

from tests.support.fake_http import Reply, Request, after

TOKEN = "k8s-token"

Path = tuple[str, ...]


def status(code: int, reason: str, message: str) -> Reply:
    """Return an error as the API writes it."""
    body = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure"}
    return Reply(code, {**body, "message": message, "reason": reason, "code": code})


class FakeKubernetes:
    """A cluster with Secrets and ConfigMaps, by path.

    ``tokens`` are those of service accounts that it knows, all if there are none; they may write if
    they are ``allowed``. Where a role names the Secrets (``resource_names``), they may write these,
    and a review that names none is about all. ``forbidden`` are paths that they may not use.
    ``users`` may create what a SubjectAccessReview asks about, ``reviews`` are its specs.
    """

    def __init__(self, *tokens: str) -> None:
        self.tokens = set(tokens)
        self.objects: dict[str, dict[str, Any]] = {}
        self.owners: dict[str, dict[Path, set[str]]] = {}
        self.forbidden: set[str] = set()
        self.users: set[str] = set()
        self.allowed = True
        self.resource_names: set[str] = set()
        self.reviews: list[dict[str, Any]] = []
        self.after_review: Callable[[], object] = lambda: None

    def secret(
        self, namespace: str, name: str, data: Mapping[str, str | bytes], kind: str = "Opaque"
    ) -> None:
        """Put a Secret there."""
        raw = {
            key: value.encode() if isinstance(value, str) else value for key, value in data.items()
        }
        self.objects[f"/api/v1/namespaces/{namespace}/secrets/{name}"] = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "type": kind,
            "data": {key: base64.b64encode(value).decode() for key, value in raw.items()},
        }

    def config_map(self, namespace: str, name: str, data: Mapping[str, str]) -> None:
        """Put a ConfigMap there."""
        self.objects[f"/api/v1/namespaces/{namespace}/configmaps/{name}"] = {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": name, "namespace": namespace},
            "data": dict(data),
        }

    def __call__(self, request: Request) -> Reply:
        """Answer a request."""
        token = after(request.headers.get("authorization", ""), "Bearer ")
        if self.tokens and token not in self.tokens:
            return status(401, "Unauthorized", "Unauthorized")
        path, _, query = request.path.partition("?")
        if path in self.forbidden:
            return status(403, "Forbidden", f"User cannot use {path}")
        match request.method, path.rpartition("/")[2]:
            case "POST", "selfsubjectaccessreviews":
                named = request.json["spec"]["resourceAttributes"].get("name", "")
                allowed = self.allowed and (not self.resource_names or named in self.resource_names)
                return Reply(201, {**request.json, "status": {"allowed": allowed}})
            case "POST", "subjectaccessreviews":
                return self._review(request.json)
            case "GET", name if path in self.objects:
                return Reply(200, self.objects[path])
            case "GET", name:
                return status(404, "NotFound", f'"{name}" not found')
            case "PATCH", _:
                return self._apply(path, dict(parse_qsl(query)), request)
        return status(405, "MethodNotAllowed", "the fake does not know this method")

    def _review(self, review: dict[str, Any]) -> Reply:
        self.reviews.append(review["spec"])
        self.after_review()
        allowed = review["spec"]["user"] in self.users
        answer = {"allowed": allowed, "reason": "" if allowed else "no RBAC policy matched"}
        return Reply(201, {**review, "status": answer})

    def _apply(self, path: str, query: Mapping[str, str], request: Request) -> Reply:
        if not self.allowed:
            return status(403, "Forbidden", "secrets is forbidden")
        if request.headers["content-type"] != "application/apply-patch+yaml":
            return status(415, "UnsupportedMediaType", "not an apply")
        manager = query.get("fieldManager", "")
        if not manager:
            return status(400, "BadRequest", "fieldManager is required for apply patch")
        wanted = request.json
        name, namespace = wanted["metadata"]["name"], wanted["metadata"]["namespace"]
        if not path.endswith(f"/namespaces/{namespace}/secrets/{name}"):
            return status(400, "BadRequest", "the name of the object does not match the URL")
        old = self.objects.get(path)
        owners = self.owners.setdefault(path, {})
        if old and old.get("type", "Opaque") != wanted.get("type", "Opaque"):
            return status(422, "Invalid", "type: Invalid value: field is immutable")
        new: dict[str, Any] = copy.deepcopy(old) if old else {}
        leaves = dict(_leaves(wanted))
        for leaf, value in leaves.items():
            others = owners.get(leaf, set()) - {manager}
            if others and _at(new, leaf) != value:
                if query.get("force") != "true":
                    told = ".".join(leaf)
                    return status(409, "Conflict", f"conflict with {min(others)}: .{told}")
                owners[leaf] = set()
            owners.setdefault(leaf, set()).add(manager)
            _set(new, leaf, value)
        for leaf in [one for one, who in owners.items() if manager in who and one not in leaves]:
            owners[leaf].discard(manager)
            if not owners[leaf]:
                del owners[leaf]
                _remove(new, leaf)
        self.objects[path] = new
        return Reply(200 if old else 201, new)


def _leaves(value: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for key, inner in value.items():
        here = (*path, key)
        if isinstance(inner, Mapping):
            yield from _leaves(inner, here)
        else:
            yield here, inner


def _at(value: dict[str, Any], path: Path) -> Any:
    for key in path[:-1]:
        value = value.get(key, {})
    return value.get(path[-1])


def _set(value: dict[str, Any], path: Path, leaf: Any) -> None:
    for key in path[:-1]:
        value = value.setdefault(key, {})
    value[path[-1]] = leaf


def _remove(value: dict[str, Any], path: Path) -> None:
    for key in path[:-1]:
        value = value.get(key, {})
    value.pop(path[-1], None)
