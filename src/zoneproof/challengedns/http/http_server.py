"""Runs the HTTP API on uvicorn, with the deadlines that uvicorn lacks."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from zoneproof.challengedns.http.certificate import KeyPair

_HEADER_SECONDS = 10.0
_IDLE_SECONDS = 30
_DRAIN_SECONDS = 10
_MAX_CONNECTIONS = 4096
_MAX_HEADERS = 16 * 1024


class HttpServer:
    """Serves an ASGI application on bound sockets, by HTTPS if there is a certificate."""

    def __init__(self, app: ASGIApp, certificate: KeyPair | None = None) -> None:
        """Raises ConfigError if the certificate or its key cannot be used."""
        self._tls: ssl.SSLContext | None = None
        if certificate is not None:
            self._tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            certificate.use_in(self._tls)
        settings = uvicorn.Config(
            app,
            http=DeadlineProtocol,
            ws="none",
            lifespan="off",
            loop="asyncio",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=_IDLE_SECONDS,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
            h11_max_incomplete_event_size=_MAX_HEADERS,
        )
        settings.load()
        settings.ssl = self._tls
        self._server = _Server(settings)
        self._task: asyncio.Task[None] | None = None

    @property
    def scheme(self) -> str:
        """``http`` or ``https``."""
        return "https" if self._tls else "http"

    def start(self, sockets: Sequence[socket.socket]) -> None:
        """Begin to answer on listening sockets, which the server closes when it stops."""
        self._task = asyncio.create_task(self._server.serve(list(sockets)))

    def use_certificate(self, certificate: KeyPair) -> None:
        """Show it to connections that come from now on.

        Raises ConfigError if it cannot be used, and goes on as before.
        """
        assert self._tls is not None
        certificate.use_in(self._tls)

    def replace_app(self, app: ASGIApp) -> None:
        """Let connections that come from now on talk to another application."""
        self._server.config.loaded_app = app

    async def stop(self) -> None:
        """Take no more requests, finish those that have begun, and return."""
        if self._task is not None:
            self._server.should_exit = True
            await self._task


class _Server(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The service handles signals, for this server and for the DNS workers.
        yield


class DeadlineProtocol(H11Protocol):
    """HTTP on a connection on which a request's head must be there ten seconds after it began.

    When there are too many connections, that one makes room on which nothing is asked for
    longest.
    """

    _head_timer: asyncio.TimerHandle | None = None
    heard_at = 0.0

    @property
    def is_answering(self) -> bool:
        """Whether a request has come and its answer has not gone."""
        return self.cycle is not None and not self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin."""
        super().connection_made(transport)
        self._watch_head()
        if len(self.connections) > _MAX_CONNECTIONS:
            _most_idle(self).transport.abort()

    def data_received(self, data: bytes) -> None:
        """Take bytes from the client."""
        super().data_received(data)
        self._watch_head()

    def eof_received(self) -> bool:  # type: ignore[override]
        """Let a client that has asked, and has nothing more to ask, read its answer."""
        has_asked = self.is_answering and self.conn.their_state in (h11.DONE, h11.MUST_CLOSE)
        if has_asked:
            self.cycle.keep_alive = False
        return has_asked

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        super().connection_lost(exc)
        self._stop_watching()

    def send_400_response(self, msg: str) -> None:
        """Answer something that is not HTTP, in JSON as all errors are."""
        headers = [("Content-Type", "application/json"), ("Connection", "close")]
        body = b'{"error":"malformed_http_request"}'
        headers.append(("Content-Length", str(len(body))))
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch_head(self) -> None:
        self.heard_at = self.loop.time()
        if self.is_answering:
            self._stop_watching()
        elif self._head_timer is None:
            self._head_timer = self.loop.call_later(_HEADER_SECONDS, self._head_is_late)

    def _stop_watching(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _head_is_late(self) -> None:
        self._head_timer = None
        if not self.is_answering:
            self.transport.abort()


def _most_idle(newest: DeadlineProtocol) -> DeadlineProtocol:
    idle = [
        each
        for each in newest.connections
        if isinstance(each, DeadlineProtocol) and each is not newest and not each.is_answering
    ]
    return min(idle, key=lambda each: each.heard_at, default=newest)
