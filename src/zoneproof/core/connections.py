"""Connections of an HTTP client: which are kept, and which proxy leads to a server."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

from zoneproof.core.usual_cas import missing_cas, usual_cas

Connect = Callable[[httpcore2.Origin], httpcore2.AsyncConnectionInterface]


class HttpConnections:
    """Opens connections, each for one exchange at a time, and keeps ``most`` that are idle.

    One is kept for ``idle_seconds``. ``tls`` is for servers with TLS, None for the usual CAs.
    ``connect`` opens connections otherwise.
    """

    def __init__(
        self, tls: ssl.SSLContext | None, idle_seconds: float, most: int, connect: Connect | None
    ) -> None:
        self._tls = tls
        self._usual: ssl.SSLContext | None = None
        self._idle_seconds = idle_seconds
        self._most = most
        self._connect = connect or self._new
        self._idle: list[httpcore2.AsyncConnectionInterface] = []

    async def take(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        """Return a connection to a server: the idle one that was used last, or a new one."""
        # Looked for anew after each wait: others take and give back meanwhile.
        while found := [one for one in self._idle if one.can_handle_request(origin)]:
            connection = found[-1]
            self._idle.remove(connection)
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return self._connect(origin)

    async def give_back(self, connection: httpcore2.AsyncConnectionInterface) -> None:
        """Keep a connection whose exchange has ended well, and close any other."""
        if not connection.is_available():
            await connection.aclose()
            return
        self._idle.append(connection)
        if len(self._idle) > self._most:
            await self._idle.pop(0).aclose()

    async def close(self) -> None:
        """Close all that are idle."""
        while self._idle:
            await self._idle.pop().aclose()

    def missing_cas(self) -> str:
        """Say that there is no CA to trust, and what to do; return nothing if there are some."""
        return missing_cas(self._usual) if self._usual else ""

    def _new(self, origin: httpcore2.Origin) -> httpcore2.AsyncConnectionInterface:
        if self._tls is None and origin.scheme == b"https":
            self._tls = self._usual = usual_cas()
        return self._pool(_proxy(origin)).create_connection(origin)

    def _pool(self, proxy: httpx2.URL | None) -> httpcore2.AsyncConnectionPool:
        """Return what makes connections; it keeps none itself."""
        if proxy is None:
            return httpcore2.AsyncConnectionPool(self._tls, keepalive_expiry=self._idle_seconds)
        if proxy.scheme not in ("http", "https"):
            raise httpcore2.ProxyError(
                f"the proxy in this machine's settings has {proxy.scheme}:// instead of http://"
            )
        return httpcore2.AsyncHTTPProxy(
            str(proxy.copy_with(userinfo=b"")),
            (proxy.username, proxy.password) if proxy.userinfo else None,
            ssl_context=self._tls,
            keepalive_expiry=self._idle_seconds,
        )


def _proxy(origin: httpcore2.Origin) -> httpx2.URL | None:
    """Return the proxy that this machine's settings (such as ``HTTPS_PROXY``) have for a server."""
    found = getproxies()
    url = found.get(origin.scheme.decode()) or found.get("all")
    if not url or proxy_bypass(origin.host.decode()):
        return None
    return httpx2.URL(url if "://" in url else f"http://{url}")
