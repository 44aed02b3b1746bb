"""Clusters that are reached as pods and kubeconfig files say, over TLS."""

from __future__ import annotations

import base64
import json
import ssl
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.support.fake_http import FakeHttpServer, fake_http_server
from tests.support.fake_kubernetes import FakeKubernetes
from tests.support.self_signed import key_pem, self_signed
from zoneproof.core.errors import KubernetesError
from zoneproof.kubernetes import (
    ClusterAccess,
    KubernetesClient,
    in_cluster,
    read_kubeconfig,
    with_token,
)
from zoneproof.kubernetes.exec_plugin import ExecPlugin

SECRETS = "/api/v1/namespaces/default/secrets"


@dataclass
class Cluster:
    """A cluster with TLS: what it answers, its CA, and a client certificate that it accepts."""

    http: FakeHttpServer
    api: FakeKubernetes
    ca: bytes
    client: tuple[bytes, bytes]

    @property
    def port(self) -> str:
        return self.http.url.rpartition(":")[2]

    def config(self, user: dict[str, Any], **cluster: Any) -> dict[str, Any]:
        data = base64.b64encode(self.ca).decode()
        facts = {"server": self.http.url, "certificate-authority-data": data, **cluster}
        return {
            "apiVersion": "v1",
            "kind": "Config",
            "preferences": {},
            "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": facts}],
            "users": [{"name": "u", "user": user}],
        }


def tls(folder: Path, *, clients: bytes = b"") -> tuple[ssl.SSLContext, bytes]:
    certificate, key = self_signed("127.0.0.1", is_ca=True)
    pem = certificate.public_bytes(Encoding.PEM)
    (folder / "server.pem").write_bytes(pem + key_pem(key))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "server.pem")
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=clients.decode())
    return context, pem


@pytest.fixture
async def cluster(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Cluster]:
    certificate, key = self_signed("admin", is_ca=True)
    client = certificate.public_bytes(Encoding.PEM), key_pem(key)
    wants_certificate = getattr(request, "param", False)
    context, ca = tls(tmp_path, clients=client[0] if wants_certificate else b"")
    api = FakeKubernetes(*([] if wants_certificate else ["good"]))
    async with fake_http_server(api, context) as server:
        yield Cluster(server, api, ca, client)


async def works(access: ClusterAccess) -> bool:
    async with KubernetesClient(access) as client:
        return await client.may("patch", "secrets", "default")


def written(folder: Path, config: dict[str, Any]) -> Path:
    file = folder / "kubeconfig"
    file.write_bytes(msgspec.yaml.encode(config))
    return file


async def test_a_pod_s_token_is_read_again_when_it_was_replaced(
    cluster: Cluster, tmp_path: Path
) -> None:
    for name, content in (("token", b"good\n"), ("ca.crt", cluster.ca), ("namespace", b"web")):
        (tmp_path / name).write_bytes(content)
    environ = {"KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": cluster.port}
    access = in_cluster(environ, tmp_path)
    assert access.namespace == "web"
    async with KubernetesClient(access) as client:
        assert await client.get(f"{SECRETS}/a", dict) is None
        cluster.api.tokens = {"newer"}
        (tmp_path / "token").write_text("newer")
        assert await client.get(f"{SECRETS}/a", dict) is None
        (tmp_path / "token").write_text("older")
        with pytest.raises(KubernetesError, match="does not accept the credentials") as raised:
            await client.get(f"{SECRETS}/a", dict)
        assert "older" not in raised.value.message
        (tmp_path / "token").unlink()
        with pytest.raises(KubernetesError, match=f"cannot read {tmp_path / 'token'}"):
            await client.get(f"{SECRETS}/a", dict)


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({}, "KUBERNETES_SERVICE_HOST is not set"),
        ({"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, "none/token does not exist"),
    ],
)
def test_what_is_no_pod_is_told(environ: dict[str, str], missing: str, tmp_path: Path) -> None:
    told = f"this is not a pod with a service account .*{missing}"
    with pytest.raises(KubernetesError, match=told):
        in_cluster(environ, tmp_path / "none")


async def test_another_ca_is_not_trusted(cluster: Cluster, tmp_path: Path) -> None:
    _, other = tls(tmp_path)
    (tmp_path / "ca.pem").write_bytes(other)
    with pytest.raises(KubernetesError, match=r"Kubernetes at https://127\.0\.0\.1.*certificate"):
        await works(with_token(cluster.http.url, "good", tmp_path / "ca.pem"))
    (tmp_path / "ca.pem").write_bytes(cluster.ca)
    assert await works(with_token(cluster.http.url, "good", tmp_path / "ca.pem"))


async def test_a_token_and_a_file_with_one(cluster: Cluster, tmp_path: Path) -> None:
    assert await works(read_kubeconfig(written(tmp_path, cluster.config({"token": "good"}))))
    (tmp_path / "token").write_text("good\n")
    (tmp_path / "ca.pem").write_bytes(cluster.ca)
    config = cluster.config(
        {"tokenFile": "token"},
        **{"certificate-authority-data": "", "certificate-authority": "ca.pem"},
    )
    assert await works(read_kubeconfig(written(tmp_path, config)))


@pytest.mark.parametrize("cluster", [True], indirect=True)
@pytest.mark.parametrize("form", ["data", "files"])
async def test_a_client_certificate(cluster: Cluster, tmp_path: Path, form: str) -> None:
    user: dict[str, Any] = {}
    for name, pem in zip(("certificate", "key"), cluster.client, strict=True):
        if form == "data":
            # In lines, as a block in YAML may have it: Go passes over the breaks.
            user[f"client-{name}-data"] = base64.encodebytes(pem).decode()
        else:
            (tmp_path / f"{name}.pem").write_bytes(pem)
            user[f"client-{name}"] = f"{name}.pem"
    assert await works(read_kubeconfig(written(tmp_path, cluster.config(user))))
    other = base64.b64encode(key_pem(self_signed("other")[1])).decode()
    broken = {**user, "client-key-data": other}
    with pytest.raises(KubernetesError, match="the client certificate cannot be used"):
        await works(read_kubeconfig(written(tmp_path, cluster.config(broken))))


def plugin(folder: Path, text: str) -> dict[str, Any]:
    """Write a credential plugin, beside the kubeconfig that names it."""
    program = folder / "get-token"
    program.write_text(f"#!{sys.executable}\nimport json, os, sys\n{text}\n")
    program.chmod(0o755)
    return {
        "exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./get-token",
            "args": ["--cluster", "shop"],
            "env": [{"name": "PROFILE", "value": "ops"}],
            "provideClusterInfo": True,
            "interactiveMode": "IfAvailable",
            "installHint": "see the handbook",
        }
    }


PRINTS = """
info = json.loads(os.environ["KUBERNETES_EXEC_INFO"])
assert info["spec"]["interactive"] is False
assert info["spec"]["cluster"]["server"].startswith("https://")
assert sys.argv[1:] == ["--cluster", "shop"] and os.environ["PROFILE"] == "ops"
assert not any(name.startswith("ZONEPROOF_") for name in os.environ)
with open(os.path.dirname(__file__) + "/runs", "a") as file: file.write("ran\\n")
status = json.load(open(os.path.dirname(__file__) + "/status"))
print(json.dumps({"apiVersion": info["apiVersion"], "kind": "ExecCredential", "status": status}))
"""


async def test_a_plugin_is_run_when_its_token_has_ended(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZONEPROOF_VAULT_KEY", "secret")
    now = datetime(2026, 1, 1, tzinfo=UTC)
    until = (now + timedelta(minutes=15)).isoformat().replace("+00:00", "Z")
    (tmp_path / "status").write_text(json.dumps({"token": "good", "expirationTimestamp": until}))
    user = plugin(tmp_path, PRINTS)
    access = read_kubeconfig(written(tmp_path, cluster.config(user)))
    runs = tmp_path / "runs"
    assert isinstance(access.credentials, ExecPlugin)
    access.credentials.now = lambda: now
    async with KubernetesClient(access) as client:
        for _ in range(3):
            assert await client.may("get", "secrets", "default")
        assert runs.read_text() == "ran\n"
        access.credentials.now = lambda: now + timedelta(minutes=15)
        assert await client.may("get", "secrets", "default")
        assert runs.read_text() == "ran\n" * 2
        cluster.api.tokens = {"newer"}
        (tmp_path / "status").write_text(json.dumps({"token": "newer"}))
        access.credentials.now = lambda: now
        assert await client.may("get", "secrets", "default")
        assert runs.read_text() == "ran\n" * 3


@pytest.mark.parametrize("cluster", [True], indirect=True)
async def test_a_plugin_may_hand_out_a_certificate(cluster: Cluster, tmp_path: Path) -> None:
    certificate, key = (pem.decode() for pem in cluster.client)
    status = {"clientCertificateData": certificate, "clientKeyData": key}
    (tmp_path / "status").write_text(json.dumps(status))
    user = plugin(tmp_path, PRINTS)
    assert await works(read_kubeconfig(written(tmp_path, cluster.config(user))))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "sys.exit('the session has ended')",
            r"get-token failed with exit .*the session has ended",
        ),
        ("print('hello')", "printed something else than an ExecCredential"),
        ('print(\'{"kind": "Pod"}\')', "printed Pod of no version, not ExecCredential"),
        (PRINTS, "printed neither a token nor a certificate with a key"),
    ],
    ids=["fails", "talks", "other kind", "nothing"],
)
async def test_a_plugin_that_gives_nothing_is_named(
    cluster: Cluster, tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "status").write_text("{}")
    user = plugin(tmp_path, text)
    access = read_kubeconfig(written(tmp_path, cluster.config(user)))
    with pytest.raises(KubernetesError, match=message):
        await works(access)


async def test_a_missing_plugin_is_told_with_its_hint(cluster: Cluster, tmp_path: Path) -> None:
    user = plugin(tmp_path, PRINTS)
    user["exec"]["command"] = "no-such-kubelogin"
    access = read_kubeconfig(written(tmp_path, cluster.config(user)))
    with pytest.raises(KubernetesError, match=r"this program does not exist.*\(see the handbook\)"):
        await works(access)


EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "x"}


@pytest.mark.parametrize(
    ("user", "cluster_facts", "message"),
    [
        ({}, {}, "has no token, no client certificate and no plugin"),
        (
            {"token": "t"},
            {"insecure-skip-tls-verify": True},
            "insecure-skip-tls-verify, with which",
        ),
        ({"token": "t"}, {"tls-server-name": "a"}, "tls-server-name, which is not supported"),
        ({"token": "t"}, {"proxy-url": "socks5://a"}, "proxy-url, which is not supported"),
        ({"token": "t"}, {"server": "http://k.example"}, "server must begin with https"),
        ({"token": "t"}, {"certificate-authority-data": "?"}, "its CA is not base64"),
        ({"token": "t t"}, {}, "the token has a space"),
        ({"username": "a", "password": "topsecret"}, {}, "signs in by a password"),
        ({"auth-provider": {"name": "gcp"}}, {}, "has an auth-provider, which Kubernetes has"),
        ({"token": "t", "as": "other"}, {}, r"acts as another one \('as'\)"),
        ({"client-certificate-data": "AAAA"}, {}, "needs both a client certificate and its key"),
        ({"client-certificate": "no.pem", "client-key": "no.pem"}, {}, "cannot read .*no.pem"),
        ({"exec": {**EXEC, "apiVersion": "v0"}}, {}, "a plugin of the version 'v0'"),
        ({"exec": {**EXEC, "interactiveMode": "Always"}}, {}, "a plugin that asks a person"),
    ],
)
def test_what_is_not_safe_or_not_known_is_refused(
    user: dict[str, Any], cluster_facts: dict[str, Any], message: str, tmp_path: Path
) -> None:
    facts = {"server": "https://k.example", **cluster_facts}
    config = {
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
        "clusters": [{"name": "k", "cluster": facts}],
        "users": [{"name": "u", "user": user}],
    }
    with pytest.raises(KubernetesError, match=message) as raised:
        read_kubeconfig(written(tmp_path, config))
    assert "topsecret" not in raised.value.message
    assert "\n" not in raised.value.message


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it is not a kubeconfig"),
        ("a: [", "it is not YAML"),
        ("a: &a [x]\nb: *a", "it has an alias"),
        ("{a: " * 100_000, "it is nested too deeply"),
        ("{}", "it has no current-context"),
        ("current-context: c", "there is no context 'c' in it: it has none"),
        (
            "{current-context: c, contexts: [{name: c, context: {cluster: k, user: u}}]}",
            "the context 'c' names the cluster 'k', which is not in it",
        ),
    ],
)
def test_a_file_that_cannot_be_read_is_named(text: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(KubernetesError, match=f"{file}: {message}"):
        read_kubeconfig(file)
    with pytest.raises(KubernetesError, match="it cannot be read"):
        read_kubeconfig(tmp_path / "none")
