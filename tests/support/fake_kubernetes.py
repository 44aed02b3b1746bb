"""The API of a Kubernetes cluster with the Secrets of its namespaces.

Made from its reference (kubernetes.io/docs/reference, 2026): Secret v1, server-side apply,
SelfSubjectAccessReview, and the Status that refuses.
"""

from __future__ import annotations

from typing import Any

from tests.support.fake_http import Reply, Request

TOKEN = "k8s-token"


def status(code: int, reason: str, message: str) -> Reply:
    """Return an answer that refuses."""
    what = {"kind": "Status", "apiVersion": "v1", "status": "Failure"}
    return Reply(code, {**what, "reason": reason, "message": message, "code": code})


class FakeKubernetes:
    """Objects by path; ``tokens`` are those that it accepts, all if there are none."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = set(tokens)
        self.objects: dict[str, dict[str, Any]] = {}
        self.allowed = True

    def __call__(self, request: Request) -> Reply:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens and token not in self.tokens:
            return status(401, "Unauthorized", "Unauthorized")
        if request.path.endswith("/selfsubjectaccessreviews"):
            return Reply(201, {**request.json, "status": {"allowed": self.allowed}})
        path, _, query = request.path.partition("?")
        if request.method == "GET":
            if path not in self.objects:
                return status(404, "NotFound", f"{path} not found")
            return Reply(200, self.objects[path])
        assert request.method == "PATCH"
        assert request.headers["content-type"] == "application/apply-patch+yaml"
        assert query == "fieldManager=zoneproof&force=true"
        if not self.allowed:
            return status(403, "Forbidden", "secrets is forbidden")
        self.objects[path] = {**self.objects.get(path, {}), **request.json}
        return Reply(201, self.objects[path])
