"""Vault and Kubernetes, as fakes that follow their API documentation.

Vault: developer.hashicorp.com/vault/api-docs (secret/kv/kv-v1, kv-v2, auth/approle), behind a proxy
that wants the header X-Vault-Request (api-docs, "The X-Vault-Request header").
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from tests.deployment.occasions import NAME, occasion, problem_of, task
from tests.support.fake_http import FakeHttpServer, Reply, Request, fake_http_server
from tests.support.fake_kubernetes import FakeKubernetes
from zoneproof.core.errors import DeploymentError, InvalidInputError
from zoneproof.deployment import Material

TOKEN = "hvs.token-of-vault"
PATH = "/v1/secret/data/tls/www"


class FakeVault:
    """Holds secrets by path, with their versions."""

    def __init__(self) -> None:
        self.data: dict[str, dict[str, Any]] = {}
        self.version = 0

    def __call__(self, request: Request) -> Reply:
        if request.headers.get("x-vault-request") != "true":
            return Reply(412, {"errors": ["missing 'X-Vault-Request' header"]})
        if request.path == "/v1/auth/approle/login":
            if request.json != {"role_id": "role", "secret_id": "topsecretid"}:
                return Reply(400, {"errors": ["invalid role or secret ID"]})
            return Reply(200, {"auth": {"client_token": TOKEN, "renewable": True}})
        if request.headers.get("x-vault-token") != TOKEN:
            return Reply(403, {"errors": ["permission denied"]})
        if request.path == "/v1/auth/token/lookup-self":
            return Reply(200, {"data": {"id": "..."}})
        if "/data/" not in request.path:
            return self.first(request)
        if request.method == "GET":
            if request.path not in self.data:
                return Reply(404, {"errors": []})
            metadata = {"version": self.version, "destroyed": False}
            return Reply(200, {"data": {"data": self.data[request.path], "metadata": metadata}})
        if request.json["options"]["cas"] != self.version:
            return Reply(400, {"errors": ["check-and-set parameter did not match"]})
        self.data[request.path], self.version = request.json["data"], self.version + 1
        return Reply(200, {"data": {"version": self.version}})

    def first(self, request: Request) -> Reply:
        if request.method == "POST":
            self.data[request.path] = request.json
            return Reply(204)
        if request.path not in self.data:
            return Reply(404, {"errors": []})
        return Reply(200, {"data": self.data[request.path]})


@pytest.fixture
async def vault() -> AsyncIterator[FakeHttpServer]:
    async with fake_http_server(FakeVault()) as server:
        yield server


def held(server: FakeHttpServer) -> dict[str, dict[str, Any]]:
    assert isinstance(server.handler, FakeVault)
    return server.handler.data


async def test_vault_holds_the_newest_and_what_else_was_there(
    vault: FakeHttpServer, tmp_path: Path
) -> None:
    deploy = task("vault", url=vault.url, path="tls/www", token=TOKEN)
    assert await deploy.problems() == []
    first = occasion(tmp_path)
    assert await deploy.run(first) == "secret/tls/www: written"
    held(vault)[PATH]["owner"] = "web team"
    assert await deploy.run(first) == "secret/tls/www: nothing to write"
    made = occasion(tmp_path)
    await deploy.run(made)
    assert made.material
    assert made.material.private_key
    assert held(vault)[PATH] == {
        "certificate": made.material.chain.pem.decode(),
        "ca_chain": made.material.chain.issuers_pem.decode(),
        "private_key": made.material.private_key.decode(),
        "owner": "web team",
    }


async def test_vault_s_first_store_and_an_approle(vault: FakeHttpServer, tmp_path: Path) -> None:
    fields = {"url": vault.url, "path": "tls/{name}", "mount": "kv", "kv_version": "1"}
    deploy = task("vault", **fields, role_id="role", secret_id="topsecretid")  # type: ignore[arg-type]
    assert await deploy.problems() == []
    await deploy.run(occasion(tmp_path))
    assert "private_key" in held(vault)[f"/v1/kv/tls/{NAME}"]
    wrong = task("vault", **fields, role_id="role", secret_id="topsecretwrong")  # type: ignore[arg-type]
    with pytest.raises(DeploymentError, match=r"Vault at .*: signing in: ") as raised:
        await wrong.run(occasion(tmp_path))
    assert "topsecretwrong" not in raised.value.message


async def test_a_token_that_may_not_is_told(vault: FakeHttpServer, tmp_path: Path) -> None:
    deploy = task("vault", url=vault.url, path="tls/www", token="hvs.other")
    with pytest.raises(DeploymentError, match=r"Vault at .*permission denied|Vault at .*403"):
        await deploy.run(occasion(tmp_path))
    assert await problem_of(deploy)


@pytest.fixture
async def cluster() -> AsyncIterator[FakeHttpServer]:
    async with fake_http_server(FakeKubernetes("k8s-token")) as server:
        yield server


async def test_a_secret_is_applied(cluster: FakeHttpServer, tmp_path: Path) -> None:
    deploy = task(
        "kubernetes",
        server=cluster.url,
        token="k8s-token",
        namespace="web",
        labels="app=shop; tier=front",
        annotations="example.com/by=zoneproof",
    )
    assert await deploy.problems() == []
    made = occasion(tmp_path)
    assert await deploy.run(made) == f"the Secret web/{NAME}-tls is applied"
    assert isinstance(cluster.handler, FakeKubernetes)
    (secret,) = cluster.handler.objects.values()
    assert secret["type"] == "kubernetes.io/tls"
    assert secret["metadata"]["labels"] == {"app": "shop", "tier": "front"}
    assert secret["metadata"]["annotations"] == {"example.com/by": "zoneproof"}
    assert made.material
    assert base64.b64decode(secret["data"]["tls.crt"]) == made.material.chain.pem
    assert base64.b64decode(secret["data"]["tls.key"]) == made.material.private_key
    await deploy.run(occasion(tmp_path))
    cluster.handler.allowed = False
    assert await deploy.problems() == ["these credentials may not patch Secrets in web"]


async def test_a_secret_of_another_type_is_left_alone(
    cluster: FakeHttpServer, tmp_path: Path
) -> None:
    assert isinstance(cluster.handler, FakeKubernetes)
    other = {"type": "Opaque", "data": {"a": "Yg=="}}
    cluster.handler.objects["/api/v1/namespaces/default/secrets/www"] = dict(other)
    deploy = task("kubernetes", server=cluster.url, token="k8s-token", secret="www")
    with pytest.raises(DeploymentError, match="default/www is of the type Opaque, not kubernetes"):
        await deploy.run(occasion(tmp_path))
    assert cluster.handler.objects["/api/v1/namespaces/default/secrets/www"] == other


async def test_a_kubeconfig_says_which_cluster_and_namespace(
    cluster: FakeHttpServer, tmp_path: Path
) -> None:
    config = {
        "current-context": "other",
        "contexts": [
            {"name": "shop", "context": {"cluster": "c", "user": "u", "namespace": "web"}}
        ],
        "clusters": [{"name": "c", "cluster": {"server": cluster.url}}],
        "users": [{"name": "u", "user": {"token": "k8s-token"}}],
    }
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps(config))
    deploy = task("kubernetes", kubeconfig=file, context="shop")
    assert await deploy.problems() == []
    assert await deploy.run(occasion(tmp_path)) == f"the Secret web/{NAME}-tls is applied"
    problem = await problem_of(task("kubernetes", kubeconfig=file))
    assert problem == f"{file}: there is no context 'other' in it: it has shop"


async def test_outside_of_a_pod_a_server_is_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(DeploymentError, match="this is not a pod with a service account"):
        await task("kubernetes").run(occasion(tmp_path))


async def test_a_token_that_is_refused_is_not_repeated(
    cluster: FakeHttpServer, tmp_path: Path
) -> None:
    deploy = task("kubernetes", server=cluster.url, token="topsecrettoken")
    with pytest.raises(DeploymentError, match="Kubernetes at ") as raised:
        await deploy.run(occasion(tmp_path))
    assert "topsecrettoken" not in raised.value.message


async def test_without_a_key_nothing_is_handed_over(
    vault: FakeHttpServer, cluster: FakeHttpServer, tmp_path: Path
) -> None:
    made = occasion(tmp_path)
    assert made.material
    keyless = replace(made, material=Material(made.material.chain, None))
    for deploy in (
        task("vault", url=vault.url, path="a", token=TOKEN),
        task("kubernetes", server=cluster.url, token="k8s-token"),
    ):
        with pytest.raises(DeploymentError, match="the key stays with its owner"):
            await deploy.run(keyless)


@pytest.mark.parametrize(
    ("kind", "fields", "message"),
    [
        ("vault", {"url": "https://v", "path": "a"}, "signs in by one of token, role_id"),
        ("vault", {"url": "http://v.example", "path": "a", "token": "t"}, "must begin with https"),
        ("vault", {"url": "https://v", "path": "../sys", "token": "t"}, "is not a path in Vault"),
        ("kubernetes", {"server": "https://k"}, "needs both a server and a token"),
        ("kubernetes", {"kubeconfig": "/k", "server": "https://k", "token": "t"}, "not both"),
        ("kubernetes", {"context": "shop"}, "needs a kubeconfig to find the context in"),
        ("kubernetes", {"kubeconfig": "config"}, "kubeconfig must be an absolute path"),
        ("kubernetes", {"secret": "My_Secret"}, "cannot be a name in Kubernetes"),
        ("kubernetes", {"labels": "app"}, "labels: 'app' must be key=value"),
    ],
)
def test_what_cannot_work_is_refused(kind: str, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        task(kind, **fields)
