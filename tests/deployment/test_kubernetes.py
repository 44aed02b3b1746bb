"""What the task kubernetes leaves alone in a Secret, and what it says of refusals."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.deployment.occasions import NAME, occasion, task
from tests.support.fake_http import FakeHttpServer, Reply, fake_http_server
from tests.support.fake_kubernetes import FakeKubernetes, status
from zoneproof.core.errors import DeploymentError
from zoneproof.deployment import TaskContext, open_task


@pytest.fixture
async def cluster() -> AsyncIterator[FakeHttpServer]:
    async with fake_http_server(FakeKubernetes("k8s-token")) as server:
        yield server


async def test_what_others_have_set_in_a_secret_stays(
    cluster: FakeHttpServer, tmp_path: Path
) -> None:
    assert isinstance(cluster.handler, FakeKubernetes)
    path = f"/api/v1/namespaces/default/secrets/{NAME}-tls"
    ours: dict[str, Any] = {"server": cluster.url, "token": "k8s-token"}
    await task("kubernetes", **ours, labels="app=shop;tier=front").run(occasion(tmp_path))
    metadata = cluster.handler.objects[path]["metadata"]
    metadata["annotations"] = {"reloader.example/seen": "1"}
    metadata["labels"]["tier"] = "theirs"
    cluster.handler.owners[path]["metadata", "labels", "tier"] = {"kubectl-edit"}
    made = occasion(tmp_path)
    await task("kubernetes", **ours, labels="tier=front").run(made)
    secret = cluster.handler.objects[path]
    assert secret["metadata"]["annotations"] == {"reloader.example/seen": "1"}
    assert secret["metadata"]["labels"] == {"tier": "front"}  # ours is no longer app, and is forced
    assert made.material
    assert base64.b64decode(secret["data"]["tls.crt"]) == made.material.chain.pem


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            status(409, "Conflict", "the object has been modified"),
            "changed in the meantime.*been modified",
        ),
        (status(410, "Gone", "the resource is gone"), "status 410.*is gone"),
        (status(422, "Invalid", "field is immutable"), "status 422.*immutable"),
        (status(403, "Forbidden", "cannot patch secrets"), "do not allow this.*cannot patch"),
    ],
)
async def test_what_the_cluster_refuses_is_told_in_its_words(
    cluster: FakeHttpServer, tmp_path: Path, fault: Reply, words: str
) -> None:
    deploy = task("kubernetes", server=cluster.url, token="k8s-token")
    cluster.faults.append(fault)
    with pytest.raises(DeploymentError, match=f"Kubernetes at .*{words}"):
        await deploy.run(occasion(tmp_path))


async def test_a_cluster_that_is_busy_is_asked_again(
    cluster: FakeHttpServer, tmp_path: Path
) -> None:
    busy = status(429, "TooManyRequests", "too many requests")
    cluster.faults.extend([replace(busy, headers={"Retry-After": "0"})] * 2)
    await task("kubernetes", server=cluster.url, token="k8s-token").run(occasion(tmp_path))


async def test_a_role_for_this_secret_alone_is_enough(cluster: FakeHttpServer) -> None:
    assert isinstance(cluster.handler, FakeKubernetes)
    cluster.handler.resource_names = {f"{NAME}-tls"}
    fields: dict[str, Any] = {"server": cluster.url, "token": "k8s-token", "namespace": "web"}
    assert await open_task("kubernetes", TaskContext(fields, certificate=NAME)).problems() == []
    named = task("kubernetes", **fields, secret=f"{NAME}-tls")
    assert await named.problems() == []
    other = open_task("kubernetes", TaskContext(fields, certificate="other"))
    assert await other.problems() == ["these credentials may not patch the Secret web/other-tls"]
