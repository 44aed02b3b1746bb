"""A webhook in a cluster: its API server is a fake, its DNS what a test says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.certmanager.cert_manager import CERT_MANAGER, GROUP, SERVICE, FrontProxy
from tests.certmanager.pki import Authority
from tests.support.fake_http import FakeHttpServer, fake_http_server
from tests.support.fake_kubernetes import FakeKubernetes
from zoneproof.certmanager.webhook import SolverSettings, SolverWebhook, open_webhook
from zoneproof.kubernetes import with_token
from zoneproof.manager import Home, Manager, RunOptions, open_manager
from zoneproof.manager.settings import DnsSettings
from zoneproof.serving.certificate import KeyPair
from zoneproof.serving.sockets import Endpoint

TOKEN = "token-of-the-webhook"
ANYBODY = "anybody"


@dataclass
class World:
    """The webhook, and everybody around it."""

    folder: Path
    webhook: SolverWebhook
    manager: Manager
    api: FakeHttpServer
    serving: Authority
    pair: KeyPair
    clients: Authority
    proxy: FrontProxy

    @property
    def kubernetes(self) -> FakeKubernetes:
        """The cluster."""
        assert isinstance(self.api.handler, FakeKubernetes)
        return self.api.handler

    def front_proxy(
        self, clients: Authority | None, name: str = "front-proxy-client"
    ) -> FrontProxy:
        """Return somebody who calls with a certificate of that CA."""
        folder = self.folder / f"client-{name}-{id(clients)}"
        return FrontProxy(self.webhook.endpoints[0].port, self.serving, clients, folder, name)


def trust(kubernetes: FakeKubernetes, *clients: Authority, names: Sequence[str] = ()) -> None:
    """Write what a cluster's API server writes of its front proxy."""
    names = names or ["front-proxy-client"]
    kubernetes.config_map(
        "kube-system",
        "extension-apiserver-authentication",
        {
            "client-ca-file": "of no interest here",
            "requestheader-allowed-names": json.dumps(names),
            "requestheader-client-ca-file": "".join(one.pem for one in clients),
            "requestheader-extra-headers-prefix": '["X-Remote-Extra-"]',
            "requestheader-group-headers": '["X-Remote-Group"]',
            "requestheader-uid-headers": '["X-Remote-Uid"]',
            "requestheader-username-headers": '["X-Remote-User"]',
        },
    )


@asynccontextmanager
async def world(
    folder: Path, *, dns_port: int = 0, resolver_port: int = 0, answer_within: float = 25.0
) -> AsyncIterator[World]:
    """Run the webhook; its questions to the DNS go to ports of 127.0.0.1."""
    serving, clients = Authority("serving CA"), Authority("front-proxy CA")
    kubernetes = FakeKubernetes(TOKEN)
    kubernetes.users.add(CERT_MANAGER)
    trust(kubernetes, clients)
    dns = DnsSettings(resolvers=(f"127.0.0.1:{resolver_port or dns_port}",) if dns_port else None)
    run = RunOptions(dns=dns, authoritative_port=dns_port or None)
    pair = serving.write(folder / "tls", SERVICE)
    listen = (Endpoint("127.0.0.1", 0),)
    settings = SolverSettings(GROUP, listen, pair, answer_within=answer_within)
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(fake_http_server(kubernetes))
        manager = await stack.enter_async_context(
            open_manager(Home(folder / "home"), run, needs_secrets=False)
        )
        cluster = with_token(api.url, TOKEN)
        webhook = await stack.enter_async_context(open_webhook(settings, manager, cluster))
        made = World(folder, webhook, manager, api, serving, pair, clients, None)  # type: ignore[arg-type]
        made.proxy = made.front_proxy(clients)
        yield made
