"""Stands between a client and Pebble, and does to requests and replies what the world does."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from http.client import HTTPSConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from types import TracebackType
from typing import Any, Self

from zoneproof.testing.pebble import Pebble

_HOST = "127.0.0.1"

RENEWAL_INFO = "renewalInfo"
KEY_CHANGE = "keyChange"
_OTHER_PATHS = {
    RENEWAL_INFO: "/draft-ietf-acme-ari-03/renewalInfo/",
    KEY_CHANGE: "/rollover-account-key",
}
# The path of each step of RFC 8555 section 7.1 in Pebble.
STEPS = {
    "directory": "/dir",
    "newNonce": "/nonce-plz",
    "newAccount": "/sign-me-up",
    "newOrder": "/order-plz",
    "authorization": "/authZ/",
    "challenge": "/chalZ/",
    "order": "/my-order/",
    "finalize": "/finalize-order/",
    "certificate": "/certZ/",
}


@dataclass(frozen=True)
class Reply:
    """A reply; a ``body`` shorter than its Content-Length is sent as it is, and then no more."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body of most replies."""
        document: dict[str, Any] = json.loads(self.body)
        return document

    def with_body(self, body: bytes) -> Reply:
        """Return it with another body of the right length."""
        return replace(self, headers={**self.headers, "Content-Length": str(len(body))}, body=body)


Forward = Callable[[], Reply]
Fault = Callable[[Forward], Reply | None]
"""Makes the reply, from the CA's if it calls ``Forward``; None drops the connection."""


class NonceRefusedError(Exception):
    """The CA refused the nonce of a request, which says nothing about the request itself."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply


@dataclass
class Rule:
    """A fault that the first ``times`` requests of a step meet, after ``skip`` good ones.

    A request that was passed on and whose nonce was refused is not counted: the client sends it
    again.
    """

    step: str
    fault: Fault
    times: int = 1
    skip: int = 0


@dataclass
class CaProxy:
    """An https server in front of Pebble, in threads; a context manager that ends it.

    It shows Pebble's own certificate, and passes on the name by which it is called, from which
    Pebble makes the URLs that it hands out: all of them lead here.
    """

    pebble: Pebble
    rules: list[Rule] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)

    @property
    def directory_url(self) -> str:
        """The URL of the directory through the proxy."""
        return f"https://{_HOST}:{self._server.server_address[1]}/dir"

    def obey(self, *rules: Rule) -> None:
        """Forget what was seen, and follow these rules alone from now on."""
        with self._lock:
            self.rules = [replace(rule) for rule in rules]
            self.seen.clear()

    @property
    def unmet(self) -> list[Rule]:
        """The rules whose fault has not come to its end."""
        return [rule for rule in self.rules if rule.times]

    def reply_to(self, path: str, forward: Forward) -> Reply | None:
        """Note a request, and return what the fault that it meets, or the CA, answers."""
        paths = STEPS | _OTHER_PATHS
        step = next((name for name, start in paths.items() if path.startswith(start)), path)
        skipped: list[Rule] = []
        met = None
        with self._lock:
            self.seen.append(step)
            for rule in self.rules:
                if rule.step != step or not rule.times:
                    continue
                if rule.skip:
                    rule.skip -= 1
                    skipped.append(rule)
                    continue
                rule.times -= 1
                met = rule
                break
        try:
            return met.fault(forward) if met else forward()
        except NonceRefusedError as refused:
            with self._lock:
                for rule in skipped:
                    rule.skip += 1
                if met:
                    met.times += 1
            return refused.reply

    def __enter__(self) -> Self:
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = False  # so that closing waits for them

    def __init__(self, proxy: CaProxy) -> None:
        super().__init__((_HOST, 0), _Handler)
        self.proxy = proxy
        folder = Path(proxy.pebble.ca_bundle).parent
        self.trust = ssl.create_default_context(cafile=proxy.pebble.ca_bundle)
        self._identity = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._identity.load_cert_chain(folder / "pebble-tls.pem", folder / "pebble-tls-key.pem")

    def get_request(self) -> tuple[socket, Any]:
        connection, address = super().get_request()
        # The handshake is left to the connection's own thread.
        wrapped = self._identity.wrap_socket(
            connection, server_side=True, do_handshake_on_connect=False
        )
        return wrapped, address


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def setup(self) -> None:
        super().setup()
        self._ca = HTTPSConnection(
            _HOST, self.server.proxy.pebble.port, context=self.server.trust, timeout=30
        )

    def finish(self) -> None:
        self._ca.close()
        super().finish()

    def _pass_on(self) -> None:
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))

        def forward() -> Reply:
            self._ca.request(self.command, self.path, content, dict(self.headers.items()))
            answer = self._ca.getresponse()
            reply = Reply(answer.status, dict(answer.getheaders()), answer.read())
            if reply.status == HTTPStatus.BAD_REQUEST and b":badNonce" in reply.body:
                raise NonceRefusedError(reply)
            return reply

        reply = self.server.proxy.reply_to(self.path, forward)
        if reply is None:
            self.close_connection = True
            return
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            try:
                self.wfile.write(reply.body)
            except OSError:  # the client has seen enough
                self.close_connection = True
            if len(reply.body) < int(reply.headers.get("Content-Length", 0)):
                self.close_connection = True

    do_GET = do_HEAD = do_POST = _pass_on  # noqa: N815  the names that the base class calls

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class's name
        """Stay silent."""
