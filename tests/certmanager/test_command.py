"""``zoneproof kubernetes webhook`` as a pod runs it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.certmanager.cert_manager import CERT_MANAGER, GROUP, SERVICE, Challenge, FrontProxy
from tests.certmanager.cluster import trust
from tests.certmanager.pki import Authority
from tests.support.command import run_zoneproof
from tests.support.fake_http import FakeHttpServer, fake_http_server
from tests.support.fake_kubernetes import FakeKubernetes
from tests.support.self_signed import certificate
from zoneproof.testing.background import BackgroundServer
from zoneproof.testing.ports import free_port

FIRST, SECOND = "token-of-the-first-hour", "token-of-the-second-hour"
REFUSED = "needs a provider with its fields"


@asynccontextmanager
async def cluster(folder: Path) -> AsyncIterator[tuple[FakeHttpServer, FakeKubernetes, Authority]]:
    """Run a cluster's API by HTTPS, and write the files of a service account."""
    kubernetes, clients = FakeKubernetes(FIRST), Authority("front-proxy CA")
    kubernetes.users.add(CERT_MANAGER)
    trust(kubernetes, clients)
    bundle, tls = certificate(folder)
    account = folder / "account"
    account.mkdir()
    (account / "token").write_text(f"{FIRST}\n")
    (account / "ca.crt").write_bytes(bundle.read_bytes())
    async with fake_http_server(kubernetes, tls) as server:
        yield server, kubernetes, clients


def environment(server: FakeHttpServer, folder: Path) -> Mapping[str, str]:
    host, _, port = server.url.removeprefix("https://").rpartition(":")
    return {
        "KUBERNETES_SERVICE_HOST": host,
        "KUBERNETES_SERVICE_PORT": port,
        "ZONEPROOF_HOME": str(folder / "home"),
    }


async def test_a_pod_answers_until_it_is_stopped(tmp_path: Path) -> None:
    serving = Authority("serving CA")
    pair = serving.write(tmp_path / "tls", SERVICE)
    port = free_port()
    async with cluster(tmp_path) as (server, kubernetes, clients):
        command = [sys.executable, "-m", "zoneproof", "kubernetes", "webhook"]
        command += [f"--group={GROUP}", f"--listen=127.0.0.1:{port}"]
        command += [f"--tls-certificate={pair.certificate}", f"--tls-key={pair.key}"]
        command += [f"--service-account={tmp_path / 'account'}", "--json"]
        webhook = BackgroundServer(
            "webhook", command, '"event":"ready"', environment=environment(server, tmp_path)
        )
        await asyncio.to_thread(webhook.start)
        try:
            proxy = FrontProxy(port, serving, clients, tmp_path / "proxy")
            assert REFUSED in await proxy.present(Challenge({}))
            await asyncio.to_thread(
                webhook.wait_for_line, '"level":"warning".*Present of example.com'
            )
            # The kubelet has replaced the token; the old one ends.
            (tmp_path / "account" / "token").write_text(SECOND)
            kubernetes.tokens = {SECOND}
            assert REFUSED in await proxy.present(Challenge({}))
            serving.write(tmp_path / "tls", SERVICE)
            webhook.process.send_signal(signal.SIGHUP)
            await asyncio.to_thread(webhook.wait_for_line, "the new one is used")
        finally:
            status = await asyncio.to_thread(webhook.stop)
    assert status == 0
    assert FIRST not in "".join(webhook.lines)


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("no cluster", "this is not a pod with a service account"),
        ("no aggregation", "the aggregation layer of this cluster is not set up"),
        ("no certificate", "cannot read"),
        ("no right", "the credentials do not allow this"),
    ],
)
async def test_what_keeps_it_from_starting_is_told_in_a_line(
    tmp_path: Path, what: str, words: str
) -> None:
    pair = Authority("serving CA").write(tmp_path / "tls", SERVICE)
    path = "/api/v1/namespaces/kube-system/configmaps/extension-apiserver-authentication"
    async with cluster(tmp_path) as (server, kubernetes, _):
        account = tmp_path / "account"
        match what:
            case "no cluster":
                account = tmp_path
            case "no aggregation":
                del kubernetes.objects[path]
            case "no certificate":
                pair.certificate.unlink()
            case "no right":
                kubernetes.forbidden.add(path)
        result = await asyncio.to_thread(
            run_zoneproof,
            *("kubernetes", "webhook", f"--group={GROUP}", f"--listen=127.0.0.1:{free_port()}"),
            *(f"--tls-certificate={pair.certificate}", f"--tls-key={pair.key}"),
            f"--service-account={account}",
            environment=environment(server, tmp_path),
        )
    assert result.status in (1, 2)
    assert words in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("group", ["acme", "Acme.example.com", "acme..com", "-a.example.com"])
def test_a_group_is_a_domain_s_name(group: str) -> None:
    result = run_zoneproof(
        "kubernetes", "webhook", f"--group={group}", "--tls-certificate=c", "--tls-key=k"
    )
    assert result.status == 2
    assert "acme.example.com" in result.stderr
