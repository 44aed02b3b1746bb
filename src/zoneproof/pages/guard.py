"""What holds for every request: known hosts, our own pages only, headers that protect."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from zoneproof.serving.responses import ErrorHandler, HttpError

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
    " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    # Not no-referrer, with which browsers name no Origin when they send a form.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_CHANGES_NOTHING = ("GET", "HEAD", "OPTIONS")


class Guard:
    """An ASGI application in front of another.

    ``hosts`` are the names by which it is reached, without port; IP addresses and localhost always
    are, since no stranger's page can have them. ``refuse`` makes the answer for what is refused,
    and ``advice`` tells how a name becomes one of them.
    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: Collection[str],
        refuse: ErrorHandler,
        advice: str,
    ) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts) | {"localhost"}
        self._refuse = refuse
        self._advice = advice

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            self._check(scope["method"], Headers(scope=scope))
        except HttpError as error:
            answer = await self._refuse(Request(scope, receive), error)
            await answer(scope, receive, send_guarded)
            return
        await self._app(scope, receive, send_guarded)

    def _check(self, method: str, headers: Headers) -> None:
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            raise HttpError(
                421,
                "unknown_host",
                f"this name is not one of this server's: {self._advice}",
            )
        if method in _CHANGES_NOTHING or _has_bearer(headers):
            return
        if not _is_same_origin(headers, hosts[0]):
            raise HttpError(
                403, "cross_origin", "only this server's own pages may send this: nothing was done"
            )

    def _is_ours(self, host: str) -> bool:
        try:
            found = urlsplit(f"//{host}")
            name = (found.hostname or "").lower()
        except ValueError:
            return False
        if found.netloc != host or "@" in host:
            return False
        if name in self._hosts:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def _has_bearer(headers: Headers) -> bool:
    """Tell whether the request proves by itself who sends it, which no browser does for others."""
    return headers.get("authorization", "").lower().startswith("bearer ")


def _is_same_origin(headers: Headers, host: str) -> bool:
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc == host
