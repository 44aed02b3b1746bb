"""Runs an HTTP application on uvicorn."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
from collections.abc import Callable, Coroutine, Iterator, Sequence
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp

from zoneproof.core.errors import ConfigError
from zoneproof.serving.certificate import KeyPair
from zoneproof.serving.connection import (
    IDLE_SECONDS,
    Connections,
    Deadlines,
    HttpConnection,
    connection_type,
    fastest_parser,
    make_bounded,
)
from zoneproof.serving.limits import IPNetwork
from zoneproof.serving.sockets import BACKLOG

_DRAIN_SECONDS = 10
_ACCEPTS = 64  # in a turn of the event loop; those that have ended by the next are gone by then


class HttpServer:
    """Serves an ASGI application on bound sockets, by HTTPS if there is a certificate.

    It takes ``connections`` at once, and ``of_one`` of these from one IPv4 address or IPv6 /64 that
    is not one of the ``proxies``. ``parser`` is one of the strict protocols, or the fastest of
    them. With ``client_cas`` (PEM) a client may show a certificate of one of these CAs, which
    :func:`zoneproof.serving.requests.client_certificate` returns.
    """

    def __init__(
        self,
        app: ASGIApp,
        certificate: KeyPair | None = None,
        *,
        connections: int,
        of_one: int,
        proxies: Sequence[IPNetwork] = (),
        deadlines: Deadlines | None = None,
        parser: type[asyncio.Protocol] | None = None,
        client_cas: str = "",
    ) -> None:
        """Raises ConfigError if the certificate, its key or the CAs cannot be used."""
        self._tls = None if certificate is None else _tls_context(certificate, client_cas)
        self._connections = Connections(
            self._tls,
            most=connections,
            most_of_one=of_one,
            proxies=proxies,
            deadlines=deadlines or Deadlines(),
        )
        protocol = functools.partial(connection_type(parser or fastest_parser()), self._connections)
        settings = uvicorn.Config(
            app,
            http=cast("type[HttpConnection]", protocol),
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            backlog=_ACCEPTS,
            timeout_keep_alive=IDLE_SECONDS,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
        settings.load()
        self._server = _Server(settings)
        self._task: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "https" if self._tls else "http"

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to answer on listening sockets, which the server closes when it stops."""
        for listener in sockets:
            make_bounded(listener)
        self._task = asyncio.create_task(self._server.serve(list(sockets)))
        self._watch = asyncio.create_task(self._connections.end_the_late())

    def use_certificate(self, certificate: KeyPair) -> None:
        """Show it to connections that come from now on.

        Raises ConfigError if it cannot be used; then the previous one stays in use.
        """
        assert self._tls is not None
        certificate.use_in(self._tls)

    def use_client_cas(self, certificate: KeyPair, client_cas: str) -> None:
        """Believe clients of these CAs only, and end the connections of those believed before.

        Requests in progress still get their answers. Raises ConfigError; then nothing has changed.
        """
        self._tls = _tls_context(certificate, client_cas)
        self._connections.begin_anew(self._tls)

    def replace_app(self, app: ASGIApp, proxies: Sequence[IPNetwork]) -> None:
        """Let connections that come from now on talk to another application."""
        self._server.config.loaded_app = app
        self._connections.proxies = proxies

    async def stop(self) -> None:
        """Take no more requests, finish those that have begun, and return."""
        if self._task is not None and self._watch is not None:
            self._server.should_exit = True
            self._connections.end_handshakes()
            await self._task
            self._watch.cancel()


def run(work: Coroutine[Any, Any, None], *, with_tls: bool) -> None:
    """Do the work of a server on the fastest event loop that is installed.

    With TLS it is asyncio's own: uvloop reads from a connection before the handshake can begin.
    """
    factory: Callable[[], asyncio.AbstractEventLoop] | None = None
    if not with_tls:
        with contextlib.suppress(ImportError):  # it is a part of the extra "speed"
            from uvloop import new_event_loop as factory
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


def _tls_context(certificate: KeyPair, client_cas: str) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.use_in(context)
    if client_cas:
        context.verify_mode = ssl.CERT_OPTIONAL
        # Any of them is enough, be it a root or not; strictness is the default from Python 3.13 on.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        try:
            context.load_verify_locations(cadata=client_cas)
        except (ssl.SSLError, ValueError) as error:
            raise ConfigError("the CAs of clients are not certificates in PEM form") from error
    return context


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The service handles signals, for this server and for the DNS workers.
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # asyncio takes one number for both, and the queue in the kernel is to be longer.
        for listener in sockets or ():
            listener.listen(BACKLOG)
