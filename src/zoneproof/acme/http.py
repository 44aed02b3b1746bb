"""One HTTP exchange with a CA: bounded in size and time, never redirected."""

from __future__ import annotations

import logging
from pathlib import Path

import httpx2

from zoneproof.acme.text import ca_at
from zoneproof.acme.urls import check_url
from zoneproof.core.http import HttpClient, NoReplyError, Reply, tls_context
from zoneproof.errors import AcmeConnectionError

MAX_BODY = 1024 * 1024  # bytes; the largest honest reply is an order of 1,000 names
_IDLE_SECONDS = 30.0
_log = logging.getLogger("zoneproof.acme")


class ConnectionLostError(AcmeConnectionError):
    """No reply came: whether the CA did what it was asked may not be known."""


class Http:
    """Connections to a CA, whose TLS certificate is always verified.

    ``given_by`` is the directory URL of the CA whose URLs will be opened. ``ca_bundle`` is a PEM
    file of the only roots to trust; without it the system's, or ``$SSL_CERT_FILE``.
    """

    def __init__(
        self,
        given_by: str,
        *,
        ca_bundle: Path | None,
        allow_http: bool,
        concurrency: int,
        request_seconds: float,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self._given_by = given_by
        self._allow_http = allow_http
        self._client = HttpClient(
            seconds=request_seconds,
            tls=tls_context(ca_bundle),
            connections=concurrency,
            idle_seconds=_IDLE_SECONDS,
            max_body=MAX_BODY,
            transport=transport,
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def exchange(
        self, method: str, url: str, *, content: bytes | None = None, content_type: str = ""
    ) -> Reply:
        """Send one request and read its reply.

        Raises NoReplyError when there is none, and AcmeConnectionError for a URL that may not be
        opened.
        """
        check_url(url, allow_http=self._allow_http, given_by=self._given_by)
        headers = {"Content-Type": content_type} if content_type else None
        reply = await self._client.exchange(method, url, content=content, headers=headers)
        _log.debug("%s %s: %d", method, url, reply.status)
        return reply


def connection_error(error: NoReplyError) -> AcmeConnectionError:
    """Return the error for people of a request to a CA that got no reply."""
    ca = ca_at(error.url)
    if error.hopeless:
        return AcmeConnectionError(f"{ca} cannot be used: {error.message}")
    if error.unsent:
        advice = "check its URL and this machine's network, or try again later"
        return ConnectionLostError(f"{ca} cannot be reached: {error.message}; {advice}")
    return ConnectionLostError(f"{ca}: {error.message}; try again later")
