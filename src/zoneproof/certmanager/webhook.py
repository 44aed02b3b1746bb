"""Runs the webhook: its certificate and the front proxy's CAs are looked at again and again."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from zoneproof.certmanager.app import WebhookApp
from zoneproof.certmanager.callers import FrontProxy, read_front_proxy
from zoneproof.certmanager.opened import OpenedMethods
from zoneproof.certmanager.secrets import PrivateFiles
from zoneproof.certmanager.solver import ANSWER_WITHIN, RequestSolver
from zoneproof.core.errors import ConfigError, ZoneproofError
from zoneproof.kubernetes import ClusterAccess, KubernetesClient
from zoneproof.manager import Manager
from zoneproof.serving.certificate import KeyPair
from zoneproof.serving.server import HttpServer
from zoneproof.serving.sockets import Endpoint, bind

_CONNECTIONS = 200  # all of which may be one API server's
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SolverSettings:
    """What the webhook serves, and where.

    ``group`` is the API group that Issuers give as ``groupName``. ``refresh`` is after how many
    seconds the certificate's files and the cluster's front proxy are looked at again.
    """

    group: str
    listen: tuple[Endpoint, ...]
    certificate: KeyPair
    refresh: float = 30.0
    answer_within: float = ANSWER_WITHIN


class SolverWebhook:
    """The running webhook. Made by :func:`open_webhook`."""

    def __init__(
        self,
        settings: SolverSettings,
        api: KubernetesClient,
        solver: RequestSolver,
        proxy: FrontProxy,
    ) -> None:
        """Raises ConfigError for a certificate or CAs that cannot be used."""
        self._settings = settings
        self._api = api
        self._front_proxy = proxy
        self._files = _contents(settings.certificate)
        app = WebhookApp(settings.group, solver, api, lambda: self._front_proxy, self._problem)
        self._server = HttpServer(
            app.make(),
            settings.certificate,
            connections=_CONNECTIONS,
            of_one=_CONNECTIONS,
            client_cas=proxy.cas,
        )
        with contextlib.ExitStack() as stack:
            listeners = [stack.enter_context(bind(each, "the webhook")) for each in settings.listen]
            stack.pop_all()
        self.endpoints = tuple(map(Endpoint.of, listeners))
        self._server.start(listeners)

    async def stop(self) -> None:
        """Take no more requests, and finish those that have begun."""
        await self._server.stop()

    async def refresh(self) -> None:
        """Use what the certificate's files hold now, and believe whom the cluster names now.

        What cannot be used or asked is told in the log, and all stays as it is.
        """
        for work in (self._refresh_certificate, self._refresh_front_proxy):
            try:
                await work()
            except ZoneproofError as error:
                _log.warning("%s", error.message)

    async def refresh_for_ever(self) -> None:
        """Refresh after each pause, until cancelled."""
        while True:
            await asyncio.sleep(self._settings.refresh)
            await self.refresh()

    async def _refresh_certificate(self) -> None:
        now = _contents(self._settings.certificate)
        if now != self._files:
            self._server.use_certificate(self._settings.certificate)
            self._files = now
            _log.info("the certificate has changed: the new one is used")

    async def _refresh_front_proxy(self) -> None:
        now = await read_front_proxy(self._api)
        if now.cas != self._front_proxy.cas:
            self._server.use_client_cas(self._settings.certificate, now.cas)
            _log.info("the front proxy's CAs have changed: the new ones are believed")
        self._front_proxy = now

    def _problem(self) -> str:
        try:
            expired = self._settings.certificate.expires_at() < time.time()
        except ConfigError as error:
            return error.message
        return "the certificate of the webhook has expired" if expired else ""


def _contents(pair: KeyPair) -> tuple[bytes, bytes]:
    try:
        return pair.certificate.read_bytes(), pair.key.read_bytes()
    except OSError as error:
        raise ConfigError(f"cannot read {error.filename}: {error.strerror}") from error


@contextlib.asynccontextmanager
async def open_webhook(
    settings: SolverSettings, manager: Manager, cluster: ClusterAccess
) -> AsyncIterator[SolverWebhook]:
    """Serve until the block ends. Raises ConfigError and KubernetesError if it cannot start."""
    async with contextlib.AsyncExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="zoneproof-"))
        api = KubernetesClient(cluster)
        stack.push_async_callback(api.close)
        proxy = await read_front_proxy(api)
        opened = OpenedMethods(manager)
        stack.push_async_callback(opened.close)
        files = PrivateFiles(Path(folder))
        solver = RequestSolver(api, opened, files, answer_within=settings.answer_within)
        stack.push_async_callback(solver.close)
        webhook = SolverWebhook(settings, api, solver, proxy)
        stack.push_async_callback(webhook.stop)
        yield webhook


async def serve(
    settings: SolverSettings,
    manager: Manager,
    cluster: ClusterAccess,
    ready: Callable[[str], None],
) -> None:
    """Serve until SIGTERM or SIGINT; SIGHUP refreshes at once.

    ``ready`` gets the URLs at which it answers, once it does.
    """
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, signals.put_nowait, number)
    async with open_webhook(settings, manager, cluster) as webhook:
        refreshing = asyncio.create_task(webhook.refresh_for_ever())
        try:
            ready(" and ".join(f"https://{each}" for each in webhook.endpoints))
            while await signals.get() is signal.SIGHUP:
                await webhook.refresh()
        finally:
            refreshing.cancel()
